"""Stripe's wing: asking it, hearing it, and what its objects mean for a gift."""
