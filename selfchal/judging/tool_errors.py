"""What tools raised: counted by tool and kind, so that a slip in a tool's own code does not hide among
refusals of wrong arguments.

Counts are ``{tool: {"calls": 4, "errors": {"KeyError": 3}}}``. A call counts as an error where the tool's own
code ended with an exception; a call that was refused before it got there does not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from selfchal.core.world import Call, Json

Counts = Mapping[str, Mapping[str, Json]]

# Raised by code that is broken, hardly ever on purpose.
SLIPS = frozenset(["NameError", "UnboundLocalError", "AttributeError", "ImportError", "ModuleNotFoundError"])


def count_calls(calls: Iterable[Call]) -> dict[str, dict[str, Json]]:
    """How often each tool was called, and what it raised."""
    found: dict[str, dict[str, Json]] = {}
    for call in calls:
        counts = found.setdefault(call.name, {"calls": 0, "errors": {}})
        counts["calls"] += 1
        if call.error:
            counts["errors"][call.error] = counts["errors"].get(call.error, 0) + 1
    return found


def add_counts(all_counts: Iterable[Counts]) -> dict[str, dict[str, Json]]:
    """The sum of several counts."""
    calls: Counter[str] = Counter()
    errors: dict[str, Counter[str]] = {}
    for counts in all_counts:
        for tool, own in counts.items():
            calls[tool] += own["calls"]
            errors.setdefault(tool, Counter()).update(own["errors"])
    return {tool: {"calls": calls[tool], "errors": dict(errors[tool].most_common())} for tool in calls}


def describe_errors(counts: Counts) -> Iterator[str]:
    """A sentence for each tool that raised, those that raised most often first."""
    failed = {tool: sum(own["errors"].values()) for tool, own in counts.items()}
    for tool in sorted(failed, key=lambda name: -failed[name]):
        if failed[tool]:
            yield _describe(tool, counts[tool]["calls"], counts[tool]["errors"])


def _describe(tool: str, calls: int, errors: Mapping[str, int]) -> str:
    kinds = ", ".join(f"{kind} {count}" for kind, count in errors.items())
    said = f"{tool} raised in {sum(errors.values())} of {calls} calls ({kinds})"
    slips = [kind for kind in errors if kind in SLIPS]
    if slips:
        return f"{said}: {slips[0]} is a slip in the tool's own code"
    return f"{said}: no call of it has worked, so look at its code" if sum(errors.values()) == calls else said
