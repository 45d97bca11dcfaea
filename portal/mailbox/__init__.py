"""A mailbox on this machine, for demos and tests: takes every message, shows it, sends none."""
