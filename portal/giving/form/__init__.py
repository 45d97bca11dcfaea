"""The giving form: from an address to a pledge."""
