"""Registers the built-in environments."""
