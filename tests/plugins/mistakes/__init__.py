"""Mistakes that authors of plugins make, each planted into a sound plugin, and what must be said of it."""
