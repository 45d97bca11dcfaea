"""Which gift a statement line is for: pure, scored, and certain only when it is."""
