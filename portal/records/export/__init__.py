"""Gifts and bank lines as CSV, streamed."""
