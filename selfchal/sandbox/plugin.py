"""Registers the built-in sandboxes."""
