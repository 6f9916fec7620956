"""Registers the built-in models."""
