"""Banks' files, each read into the same entries."""
