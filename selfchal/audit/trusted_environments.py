"""Which environments strangers' tasks may name: an environment may start programs, or load somebody's code.

Ours start nothing. Any other one is opened only where the user names it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager

from selfchal.api.opening import using_environment
from selfchal.audit.task_sets import AuditError, AuditRequest
from selfchal.core.environment import Environment
from selfchal.core.errors import EnvironmentDataError, ManifestError, PluginError
from selfchal.core.world import Json
from selfchal.interop.exporting import choose_environment

# What ``OpenTrusted`` raises where there is no world to play in.
NOT_OPENED = (AuditError, PluginError, ManifestError, EnvironmentDataError)
OpenTrusted = Callable[[Json], Environment]
_OURS = ("calculation", "web_browsing", "retail", "airline")


def trust_environment(section: Json, request: AuditRequest) -> dict[str, Json]:
    """The section of a manifest that a stranger's task names, where it may be opened.

    Raises AuditError where the user must name the environment first, and PluginError for options that name a
    path of the machine that the tasks come from.
    """
    name = section.get("name") if isinstance(section, Mapping) else None
    if not isinstance(name, str):
        raise AuditError("the tasks do not say their environment; add --environment NAME")
    if request.environment is not None:
        if name != request.environment:
            raise AuditError(f"the tasks are played in {name[:80]!r}, and {request.environment!r} was named")
        return {**section, **request.options}
    if name not in _OURS:
        raise AuditError(
            f"the tasks are played in the environment {name[:80]!r}, which may start programs; if you trust "
            "it, name it by --environment"
        )
    choose_environment(section)  # refuses what names a path
    return {**section, **request.options}


@contextmanager
def opening_trusted(request: AuditRequest) -> Iterator[OpenTrusted]:
    """What opens the environment that a task's section names, each section once; all are closed at the end.

    It raises what ``trust_environment`` and ``open_environment`` raise, one of ``NOT_OPENED``.
    """
    with ExitStack() as closing:
        opened: dict[str, Environment] = {}

        def open_once(section: Json) -> Environment:
            trusted = trust_environment(section, request)
            key = repr(sorted(trusted.items()))
            if key not in opened:
                opened[key] = closing.enter_context(using_environment(trusted))
            return opened[key]

        yield open_once
