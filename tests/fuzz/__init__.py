"""Readers of what strangers send, fed with damage: `python -m tests.fuzz --seconds 600`."""
