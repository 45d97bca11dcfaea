"""Tests of the donor's own pages."""
