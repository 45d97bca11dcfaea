"""Interac's notices: mails that tell of transfers, as evidence only."""
