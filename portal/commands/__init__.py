"""What the `portal` command does, one file a subject."""
