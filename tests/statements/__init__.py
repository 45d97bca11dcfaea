"""Tests of reading statements and notices."""
