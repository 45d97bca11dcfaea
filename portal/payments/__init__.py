"""How money comes: Stripe, its webhooks, and the one door all evidence goes through."""
