"""Finds plugins through the entry-point group ``selfchal`` and hands out their classes by name."""

from selfchal.plugins.loading import DISABLE_VARIABLE, Failure
from selfchal.plugins.registry import Plugins, Registered, load_plugins

__all__ = ["DISABLE_VARIABLE", "Failure", "Plugins", "Registered", "load_plugins"]
