"""A self-hosted donation and partnership payment portal."""

__version__ = "0.1.0"
