"""What a plugin class may say in its attribute ``requires``: packages that it needs beyond the light base.

Validation reads it, so that a missing package is known before anything is loaded; so do ``selfchal doctor``
and ``selfchal plugins list``. A class without ``requires`` needs nothing more.

What else would stop a plugin when it is made, ``selfchal validate``, and ``selfchal run`` before it
makes anything, learn from a class method ``find_obstacle(config)``, where there is one: a sentence with the
cure, empty where nothing is in the way. It loads nothing heavy and takes no time. What only a request over
the network can tell, ``selfchal validate`` alone learns from a class method ``find_unreachable(config)``,
which says it in the same way, takes seconds at most, and costs no money.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any


@dataclass(frozen=True)
class Requirement:
    """A Python module that a plugin imports when it is made or used, never when its own module is imported.

    ``module`` is the top-level name that is imported (``torch``), ``install`` what pip is asked for
    (``selfchal[train]``). ``when`` gets the plugin's config and says whether the module is needed with these
    options; without it, it always is.
    """

    module: str
    install: str
    when: Callable[[Any], bool] | None = None

    @property
    def installed(self) -> bool:
        """Whether this Python has the module. It is not imported, so a broken one counts as installed."""
        return find_spec(self.module) is not None
