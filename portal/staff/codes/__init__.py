"""Codes, the policies that they hang on, and the tree of scopes, as staff keep them."""
