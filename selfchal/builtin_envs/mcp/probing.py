"""What the tools of a server do, found out by calling them on its private start state.

Each tool is called with a few arguments that its schema, its texts and the state suggest, and once more a
moment later by a process that was started anew. So it shows which tools write that do not say it, which
answer differently every time (clocks, random numbers), and whether the server looks at a state that was put
back under it.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from selfchal.builtin_envs.mcp.connection import ListedTool
from selfchal.builtin_envs.mcp.example_arguments import collect_words, list_arguments, list_paths
from selfchal.builtin_envs.mcp.recorded import Recorded, describe_disagreement, find_todays_date
from selfchal.builtin_envs.mcp.server import Server
from selfchal.core.errors import EnvironmentDataError
from selfchal.core.world import Json

_ATTEMPTS = 6  # calls of each tool, of which the first that works counts, and one more that writes
_APART_SECONDS = 1.1  # so that a clock that shows seconds moves on


@dataclass
class Findings:
    """``writes``: the tools that changed the state. ``unstable``: tools by how their answers differ.
    ``worked``: the tools of which some call worked."""

    writes: set[str] = field(default_factory=set)
    unstable: dict[str, str] = field(default_factory=dict)
    worked: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class _Probe:
    tool: str
    arguments: dict[str, Json]
    first: Recorded


def probe(server: Server, tools: Sequence[ListedTool], fixed: Mapping[str, Mapping[str, Json]]) -> Findings:
    """Call these tools. ``fixed`` are the arguments given with every call, by tool.

    Raises EnvironmentDataError where the server does not start again.
    """
    found, probes, started = Findings(), list[_Probe](), time.monotonic()
    words, paths = collect_words(server.start.view), list_paths(server.start.view, server.directory)
    for tool in sorted(tools, key=lambda tool: tool.only_reads is not True):  # readers first
        for arguments in itertools.islice(list_arguments(tool, words, paths), _ATTEMPTS):
            given = {**arguments, **fixed.get(tool.name, {})}
            changed = _try_call(server, tool.name, given, found, probes)
            if changed or (tool.only_reads and tool.name in found.worked):
                break  # others are called more often, since they may write with other arguments
    server.stop()  # another process with another copy must answer alike
    time.sleep(max(0.0, _APART_SECONDS - (time.monotonic() - started)))
    for one in probes:
        again = server.make(server.start, one.tool, one.arguments)
        if not one.first.agrees(again):
            found.unstable.setdefault(one.tool, describe_disagreement(one.first, again))
        elif how := find_todays_date(again.answer, one.arguments, server.start):
            found.unstable.setdefault(one.tool, how)
    return found


def _try_call(
    server: Server, tool: str, arguments: dict[str, Json], found: Findings, probes: list[_Probe]
) -> bool:
    """Whether the call changed the state; what else it showed is added to ``found`` and ``probes``."""
    recorded = server.make(server.start, tool, arguments)
    changed = recorded.after.digest != server.start.digest
    if changed and not found.writes:
        _check_read_again(server, probes)
    if changed:
        found.writes.add(tool)
    if recorded.answer.ok and (changed or tool not in found.worked):
        probes.append(_Probe(tool, arguments, recorded))
    if recorded.answer.ok:
        found.worked.add(tool)
    return changed


def _check_read_again(server: Server, reads: Sequence[_Probe]) -> None:
    """After the first write: do the tools that read see the start state, which was put back under them?

    Raises EnvironmentDataError where they see it only once the server is started anew.
    """
    for one in reads if server.keeps_on_disk else ():
        if one.first.agrees(server.make(server.start, one.tool, one.arguments)):
            continue
        server.stop()
        if one.first.agrees(server.make(server.start, one.tool, one.arguments)):
            raise EnvironmentDataError(
                f"server {server.name!r} reads its state only when it starts: {one.tool} did not see that it "
                f"was put back. Write reset: {{{server.name}: restart}}; then it is started for every state"
            )
