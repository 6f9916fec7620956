"""Which environments strangers' tasks may name: an environment may start programs, or load somebody's code.

Ours start nothing. Any other one is opened only where the user names it.
"""

from __future__ import annotations

from collections.abc import Mapping

from selfchal.audit.task_sets import AuditError, AuditRequest
from selfchal.core.world import Json
from selfchal.interop.exporting import choose_environment

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
