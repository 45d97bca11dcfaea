"""The donor's own pages: all their gifts, receipts and monthly gifts, and what is kept of them."""
