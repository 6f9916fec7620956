"""Registers the built-in trainers."""
