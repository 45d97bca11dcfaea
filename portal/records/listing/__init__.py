"""The list of gifts: filters, search, pages."""
