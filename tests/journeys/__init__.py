"""Whole gifts in a real browser, from the form to the receipt, against a running demo."""
