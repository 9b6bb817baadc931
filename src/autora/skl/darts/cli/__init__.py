"""The command ``autora-darts``."""
