"""Registers the built-in synthesizers."""
