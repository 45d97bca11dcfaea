"""Codes: what a partner's, campaign's or promotion's code decides about a gift."""
