"""Gifts paid by instructions: reminders, expiry, the donor's word and their proofs."""
