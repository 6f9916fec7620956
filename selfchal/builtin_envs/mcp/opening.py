"""Servers ready for use: started, tried, and their tools under the names that agents use."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass

from selfchal.builtin_envs.mcp.config import READ_ONLY, McpConfig, ResetSpec, State, StateSpec
from selfchal.builtin_envs.mcp.configuration import ServerEntry, fill_in
from selfchal.builtin_envs.mcp.connection import ListedTool, suggest
from selfchal.builtin_envs.mcp.probing import Findings, probe
from selfchal.builtin_envs.mcp.schemas import OfferedTool, choose_name, offer
from selfchal.builtin_envs.mcp.server import Server
from selfchal.builtin_envs.mcp.world import Servers
from selfchal.core.errors import EnvironmentDataError
from selfchal.core.world import Json


@dataclass
class Opened:
    """``users`` counts the environments that use it."""

    key: str
    servers: Servers
    notes: tuple[str, ...]
    users: int = 0


_READS = re.compile(
    r"(get|list|read|search|find|describe|show|count|fetch|open|view|lookup|query|check|is|has|calculate)(_|-|[A-Z]|$)"
)
_lock = threading.Lock()
_kept: dict[str, Opened] = {}


def open_servers(config: McpConfig) -> Opened:
    """The servers of this config, the running ones where there are some, until they are released.

    Raises EnvironmentDataError.
    """
    entries = {name: entry.filled_in() for name, entry in config.declared().items()}
    key = config.model_dump_json(exclude={"policy", "test_tasks"}) + repr(entries)
    with _lock:
        if key not in _kept:
            _kept[key] = _open(config, entries, key)
        _kept[key].users += 1
        return _kept[key]


def release_servers(opened: Opened) -> None:
    """Say that an environment uses them no more. They end with the last one."""
    with _lock:
        opened.users -= 1
        if opened.users == 0 and _kept.get(opened.key) is opened:
            _close(_kept.pop(opened.key))


def close_servers() -> None:
    """End the servers of all environments of this process."""
    with _lock:
        while _kept:
            _close(_kept.popitem()[1])


def _close(opened: Opened) -> None:
    for server in opened.servers.servers.values():
        server.close()


def _open(config: McpConfig, entries: Mapping[str, ServerEntry], key: str) -> Opened:
    servers, tools = dict[str, Server](), dict[str, OfferedTool]()
    notes = [f"the server {name} is not started: its state is not declared" for name in config.undeclared()]
    try:
        for name, entry in entries.items():
            state, reset = _fill_in_path(config.state[name], name), config.reset.get(name)
            servers[name] = Server(entry, state, reset, config.timeout, config.processes)
        _check_names(config, servers)
        for server in servers.values():
            _offer_tools(config, server, tools, notes)
        if not tools:
            raise EnvironmentDataError(
                f"no tool is left to offer: {'; '.join(notes) or 'the servers list none'}"
            )
    except BaseException:
        for server in servers.values():
            server.close()
        raise
    return Opened(key, Servers(servers, tools), tuple(notes))


def _offer_tools(config: McpConfig, server: Server, tools: dict[str, OfferedTool], notes: list[str]) -> None:
    """Add what this server offers to ``tools``, and what is left out to ``notes``."""
    hidden = [tool.name for tool in server.tools if _is_named(config.hide, server.name, tool.name)]
    notes += [f"{server.name}.{name} is left out: hide names it" for name in hidden]
    listed = [tool for tool in server.tools if tool.name not in hidden]
    fixed = {tool.name: _find_fixed(config, server.name, tool) for tool in listed}
    listed = [tool for tool in listed if not _is_part_of_reset(config, server.name, tool.name)]
    if config.state[server.name] == READ_ONLY:
        notes += [
            f"{server.name}.{tool.name} is left out: it says that it writes, and the server is read_only"
            for tool in listed
            if tool.only_reads is False
        ]
        listed = [tool for tool in listed if tool.only_reads is not False]
    found = probe(server, listed, fixed)
    for tool in listed:
        if how := found.unstable.get(tool.name):
            notes.append(
                f"{server.name}.{tool.name} is left out: its answers cannot be relied on, since {how}"
            )
            continue
        name = choose_name(tool.name, server.name, list(tools))
        writes = not _is_reader(config, server.name, tool, found)
        tools[name] = offer(tool, server.name, name, fixed[tool.name], writes)


def _fill_in_path(state: State, server: str) -> State:
    if not isinstance(state, StateSpec) or state.path is None:
        return state
    return state.model_copy(update={"file" if state.file else "directory": fill_in(state.path, server)})


def _is_reader(config: McpConfig, server: str, tool: ListedTool, found: Findings) -> bool:
    """By the manifest, by what was seen, by what the tool says of itself; where it says nothing, by its name.

    A tool that is taken for a reader and writes all the same is refused when it does so.
    """
    if config.state[server] == READ_ONLY or _is_named(config.reads, server, tool.name):
        return True
    if tool.name in found.writes or tool.only_reads is False:
        return False
    sounds = _READS.match(tool.name) is not None and tool.name in found.worked
    return tool.only_reads is True or sounds


def _is_named(names: tuple[str, ...], server: str, tool: str) -> bool:
    return tool in names or f"{server}.{tool}" in names


def _find_fixed(config: McpConfig, server: str, tool: ListedTool) -> dict[str, Json]:
    """The arguments that are given with every call; the one that separates states gets its value later."""
    reset = config.reset.get(server)
    given: dict[str, Json] = {}
    if isinstance(reset, ResetSpec) and reset.argument in tool.schema.get("properties", {}):
        given[str(reset.argument)] = ""
    for name in ("*", f"{server}.*", tool.name, f"{server}.{tool.name}"):
        known = tool.schema.get("properties", {})
        given |= {
            key: value
            for key, value in config.arguments.get(name, {}).items()
            if key in known or "*" not in name
        }
    return given


def _is_part_of_reset(config: McpConfig, server: str, tool: str) -> bool:
    """A tool that brings a server back to its start is none for agents."""
    reset = config.reset.get(server)
    return isinstance(reset, ResetSpec) and reset.tool == tool


def _check_names(config: McpConfig, servers: Mapping[str, Server]) -> None:
    """Raise EnvironmentDataError for a tool that the manifest names and no server has."""
    listed = {name: {tool.name for tool in server.tools} for name, server in servers.items()}
    known = {
        *(f"{name}.{tool}" for name, tools in listed.items() for tool in tools),
        *(tool for tools in listed.values() for tool in tools),
    }
    for section, names in (("hide", config.hide), ("reads", config.reads), ("arguments", config.arguments)):
        for name in names:
            if name not in known and not name.endswith("*"):
                hint = suggest(name, sorted(known))
                raise EnvironmentDataError(f"{section}: no server has a tool {name!r}; {hint}")
