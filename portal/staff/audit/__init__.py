"""The log of what staff did, written and told."""
