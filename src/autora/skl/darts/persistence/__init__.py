"""Model files: estimators as JSON documents."""
