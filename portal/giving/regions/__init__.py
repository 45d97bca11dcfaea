"""Choosing a region, and its colours."""
