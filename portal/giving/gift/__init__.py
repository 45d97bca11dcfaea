"""One gift's page for its donor."""
