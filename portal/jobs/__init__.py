"""Jobs: what is promised in a transaction, kept in a table, and done by the worker."""
