"""The heart: gifts, what happened to them, and the ledger that proves it."""
