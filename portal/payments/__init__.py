"""How money comes: Stripe, its webhooks, and the one way in all evidence goes through."""
