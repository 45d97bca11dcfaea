"""A self-hosted donation and partnership payment portal."""
