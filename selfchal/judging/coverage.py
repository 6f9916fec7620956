"""Coverage: which tools, kinds of arguments and tables the kept tasks touch, and what they leave out.

It reads what the judge noted with each task: ``diagnostics["uses"]`` and the footprint in
``diagnostics["strength"]``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from selfchal.core.environment import Environment
from selfchal.core.sandbox import Execution
from selfchal.core.task import Task
from selfchal.core.world import Json

_RARE = 0.1  # of the mean number of tasks a tool
_FOCUS = 3


@dataclass(frozen=True)
class Coverage:
    """Counts of tasks by tool, by argument (``tool.parameter``) and by table; ``missing`` are tools and
    optional or enumerated arguments that no task uses."""

    tasks: int
    tools: dict[str, int]
    arguments: dict[str, int]
    tables: dict[str, int]
    missing: list[str]


def uses(execution: Execution, parameters: dict[str, list[str]]) -> list[str]:
    """What a solution used: each tool, and each ``tool.parameter`` (``=value`` for a truth value)."""
    found: dict[str, None] = {}
    for call in execution.calls:
        found[call.name] = None
        given = call.name_arguments(parameters.get(call.name, []))
        found |= {f"{call.name}.{name}{_classify(value)}": None for name, value in given.items()}
    return list(found)


def _classify(value: Json) -> str:
    return f"={str(value).lower()}" if isinstance(value, bool) else ""


def coverage(environment: Environment, tasks: Iterable[Task]) -> Coverage:
    tasks = list(tasks)
    used = Counter(use for task in tasks for use in _read_list(task.diagnostics.get("uses")))
    rows = [_read_list(_read_mapping(task.diagnostics.get("strength")).get("footprint")) for task in tasks]
    tables = Counter(table for row in rows for table in {name.split("/")[0] for name in row})
    every = [tool.name for tool in environment.tools]
    arguments = [f"{t.name}.{name}" for t in environment.tools for name in t.parameters.get("properties", {})]
    used_arguments = {use.split("=")[0] for use in used}
    missing = [name for name in every if not used[name]]
    missing += [name for name in arguments if name not in used_arguments and used[name.split(".")[0]]]
    return Coverage(
        len(tasks),
        {name: used[name] for name in every},
        {use: count for use, count in sorted(used.items()) if "." in use},
        dict(sorted(tables.items())),
        missing,
    )


def focus(environment: Environment, tasks: Sequence[Task]) -> tuple[str, ...]:
    """What the next round's challenger is asked to use: tools that no task uses, then the rarest ones."""
    if not tasks:
        return ()
    seen = coverage(environment, tasks)
    mean = sum(seen.tools.values()) / max(1, len(seen.tools))
    by_count = sorted(seen.tools, key=lambda name: (seen.tools[name], name))
    return tuple(name for name in by_count if seen.tools[name] <= _RARE * mean)[:_FOCUS]


def _read_list(value: Any) -> list[str]:
    return list(value) if isinstance(value, list | tuple) else []


def _read_mapping(value: Any) -> dict[str, Json]:
    return dict(value) if isinstance(value, dict) else {}
