"""Regions and their modes of payment, changed by staff."""
