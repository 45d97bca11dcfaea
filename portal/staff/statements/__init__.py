"""Bank files and their lines, as clerks see them."""
