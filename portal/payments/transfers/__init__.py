"""Gifts paid by instructions: reminders, expiry, the giver's word and their proofs."""
