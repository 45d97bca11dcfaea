"""One gift and all that staff may do with it."""
