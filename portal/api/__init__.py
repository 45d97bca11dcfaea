"""Wires: what other machines send us over HTTP."""
