"""What a plugin that was left out is told."""

from __future__ import annotations

from selfchal.plugins import Plugins


def find_failure(plugins: Plugins, plugin: str) -> str:
    (found,) = [str(failure) for failure in plugins.failures if failure.plugin == plugin]
    return found
