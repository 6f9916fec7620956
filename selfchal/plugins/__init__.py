"""Finds plugins through the entry-point group ``selfchal`` and hands out their classes by name."""
