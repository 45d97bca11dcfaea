"""Bringing a code to other people's pages, screens and walls."""
