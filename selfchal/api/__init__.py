"""The front door: what ``import selfchal`` gives. The command line calls these same functions.

Everything public stands in ``selfchal`` itself, by name; the modules here are where the functions live.
"""
