"""Starting a gift and leading its donor to a payment, whoever asks: no page, no Flask."""
