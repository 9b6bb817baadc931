"""DARTS as published: a mixture of primitives, trained and made discrete."""
