"""Regions as data: currencies, amounts, addresses, issuers, modes and receipts."""
