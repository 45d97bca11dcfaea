"""The staff’s pages of receipts: the register, one number explained, and a year in bulk."""
