"""Tests of the partners' area."""
