"""Values that a solution hands over, and that the instruction does not say and no tool shows.

The tools are asked from what the solution itself names, so a value counts as found that an agent could find
with some luck. What remains is mostly a value that a rule gives ("the smaller size"), which words do not
tell. Read by hand, few of these findings were right, so they are doubtful.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from selfchal.audit.findings import CheckName, Finding, Grade
from selfchal.core.environment import Environment
from selfchal.core.task import TestTask
from selfchal.core.world import Json
from selfchal.judging.state_explorer import ReadToolExplorer, is_id, leaves
from selfchal.judging.wording import Wording
from selfchal.serving.session import ToolCall

_LONGEST_TEXT = 20_000  # characters of an instruction that are read


def find_hidden_demands(
    number: int, environment: Environment, task: TestTask, calls: Sequence[ToolCall]
) -> Iterator[Finding]:
    """A finding for each changing call with such values."""
    tools = {tool.name: tool for tool in environment.tools}
    wording = Wording(task.instruction[:_LONGEST_TEXT])
    explorer = _explore(environment, task.context, calls)
    documents = environment.policy + " ".join(str(tool.parameters) for tool in environment.tools)
    for index, call in enumerate(calls, start=1):
        if call.name not in tools or not tools[call.name].writes:
            continue
        hidden = [
            value
            for value in dict.fromkeys(leaves(dict(call.arguments)))
            if isinstance(value, str)
            and value
            and not wording.says(value)
            and value not in explorer.seen
            and value not in documents
        ]
        if hidden:
            named = ", ".join(repr(value[:40]) for value in hidden[:3])
            reason = f"Call {index}, {call.name}, takes {named}, which nobody says and no tool shows."
            yield Finding(number, CheckName.HIDDEN_DEMAND, Grade.DOUBTFUL, reason)


def _explore(
    environment: Environment, context: Mapping[str, Json], calls: Sequence[ToolCall]
) -> ReadToolExplorer:
    """All that tools show from the ids that the calls name on."""
    explorer = ReadToolExplorer(environment.open(context), environment.tools)
    named: dict[str, set[Json]] = {}
    for call in calls:
        for name, value in _name_values(dict(call.arguments)):
            named.setdefault(name, set()).add(value)
    texts = [leaf for call in calls for leaf in leaves(dict(call.arguments)) if isinstance(leaf, str)]
    explorer.read([text for text in texts if is_id(text) or "@" in text], named)
    return explorer


def _name_values(value: Json, name: str = "") -> Iterator[tuple[str, Json]]:
    """The texts and numbers in a value, each with the innermost name that it goes by."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _name_values(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from _name_values(inner, name)
    elif isinstance(value, str | int | float):
        yield name, value
