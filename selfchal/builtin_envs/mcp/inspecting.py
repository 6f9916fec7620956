"""What ``selfchal mcp inspect`` says: which tools each server lists, and of which kind its state could be.

Servers are started and asked for their list of tools, and no tool is called: people's configs hold their
mail, their repositories, their chat. Servers on other machines are not even contacted. ``tries`` names the
servers whose tools may be called; a private copy is used where the kind of state allows it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from selfchal.builtin_envs.mcp.background import background
from selfchal.builtin_envs.mcp.config import READ_ONLY, RESTART, Reset, ResetSpec, State, StateSpec
from selfchal.builtin_envs.mcp.configuration import ServerEntry, read_file
from selfchal.builtin_envs.mcp.connect import connect
from selfchal.builtin_envs.mcp.connection import ListedTool
from selfchal.builtin_envs.mcp.probing import probe
from selfchal.builtin_envs.mcp.server import Server
from selfchal.core.errors import EnvironmentDataError, ManifestError
from selfchal.core.world import Json

_FILE = re.compile(r"\.(jsonl?|ndjson|db|sqlite3?|txt|md|csv|ya?ml)$", re.IGNORECASE)
_RESET = re.compile(r"^(reset|restart|clear_all|wipe|restore|delete_all)(_|$)")
_SHOWS = re.compile(r"^(read_graph|dump|export|get_all|get_state|list|read_all|show_all)")
_SEPARATES = ("session", "session_id", "sessionId", "namespace", "workspace", "workspace_id")


@dataclass
class Inspected:
    """One server. ``declare`` are the sections of a manifest that would use it, where they are known."""

    name: str
    reached: str
    kind: str
    why: str
    tools: dict[str, str] = field(default_factory=dict)  # reads, writes, or ? where annotations do not say
    declare: dict[str, Json] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)  # of those that were tried


def inspect_file(
    path: Path, tries: Collection[str] = (), contacts: Collection[str] = (), timeout: float = 30.0
) -> list[Inspected]:
    """Every server of the file. ``contacts`` names servers on other machines that may be asked.

    Raises ManifestError for a file that cannot be read, or a name that is not in it.
    """
    try:
        entries = read_file(path)
    except ValueError as error:
        raise ManifestError(str(error)) from error
    for name in (*tries, *contacts):
        if name not in entries:
            raise ManifestError(f"{path} has no server {name!r}; it has {', '.join(entries)}")
    return [
        _inspect(entry, entry.name in tries, entry.name in {*contacts, *tries}, timeout)
        for entry in entries.values()
    ]


def _inspect(entry: ServerEntry, tried: bool, contacted: bool, timeout: float) -> Inspected:
    reached = entry.reached
    if entry.is_remote and not contacted:
        why = f"it runs on another machine and was not contacted; --contact {entry.name} asks it"
        return Inspected(entry.name, reached, "remote", why)
    try:
        filled = entry.filled_in()
        connection = connect(filled, background().make_folder(), timeout)
    except EnvironmentDataError as error:
        return Inspected(entry.name, reached, "not started", str(error))
    tools = connection.tools
    connection.close()
    found = _guess_kind(entry, filled, tools)
    found.reached = reached
    found.tools = {tool.name: {True: "reads", False: "writes", None: "?"}[tool.only_reads] for tool in tools}
    if tried:
        _try_tools(found, filled, timeout)
    return found


def _guess_kind(entry: ServerEntry, filled: ServerEntry, tools: Sequence[ListedTool]) -> Inspected:
    """From the arguments and the list of tools alone."""
    name = entry.name

    def declare(kind: str, why: str, state: Json, reset: Json = None) -> Inspected:
        sections = {"state": {name: state}} | ({"reset": {name: reset}} if reset else {})
        return Inspected(name, "", kind, why, declare=sections)

    if tools and all(tool.only_reads for tool in tools):
        return declare("read-only", "every tool says that it only reads", READ_ONLY)
    for given, path in zip(_list_texts(entry), _list_texts(filled), strict=True):
        if os.path.isdir(os.path.expanduser(path)) and os.sep in path:
            why = "it is given a directory; a private copy takes its place, and only what differs is put back"
            return declare("directory", why, {"directory": given})
        if _FILE.search(path) and not path.endswith(("package.json", "/index.md")):
            why = "it is given a file; a private copy takes its place, and is put back for every world"
            return declare("file", why, {"file": given})
    shows = next((tool.name for tool in tools if _SHOWS.search(tool.name) and not _needs(tool)), None)
    resets = next((tool.name for tool in tools if _RESET.search(tool.name) and not _needs(tool)), None)
    separates = next((key for key in _SEPARATES if tools and all(key in _list_keys(t) for t in tools)), None)
    if shows is None:
        why = (
            "nothing shows what it keeps: no file or directory in its args or env, and no tool that lists "
            "all of it without arguments. If it keeps a file, put the path into its args or env. If it only "
            f"reads, declare state: {{{name}: {READ_ONLY}}}; no tool that says that it writes is offered then"
        )
        return Inspected(name, "", "unknown", why)
    if separates:
        why = f"{shows} shows its state, and a new {separates} begins a new one"
        return declare("separated by an argument", why, {"tool": shows}, {"argument": separates})
    if resets:
        why = f"{shows} shows its state, and {resets} brings it back"
        return declare("reset by a tool", why, {"tool": shows}, {"tool": resets})
    if entry.url:
        why = f"{shows} shows its state, but nothing brings it back, and it cannot be restarted from here"
        return Inspected(name, "", "unknown", why)
    why = (
        f"{shows} shows its state. If that is gone when the process ends, it can be restarted; "
        "if it is kept elsewhere, do not declare this"
    )
    return declare("restarted, perhaps", why, {"tool": shows}, RESTART)


def _try_tools(found: Inspected, filled: ServerEntry, timeout: float) -> None:
    """Call the tools of a server that the user named, on a private copy where its kind has one."""
    state, reset = _read_declaration(found)
    try:
        server = Server(filled, state, reset, timeout, processes=1)
        try:
            findings = probe(server, server.tools, {})
        finally:
            server.close()
    except EnvironmentDataError as error:
        found.findings.append(str(error))
        return
    for tool in findings.writes:
        found.tools[tool] = "writes"
    for tool in findings.worked - findings.writes:
        if found.tools[tool] == "?":
            found.tools[tool] = "reads"
    found.findings += [
        f"{tool} cannot be relied on: {how}" for tool, how in sorted(findings.unstable.items())
    ]
    silent = sorted(found.tools.keys() - findings.worked)
    if silent:
        found.findings.append(f"no call worked of: {', '.join(silent)}")


def _read_declaration(found: Inspected) -> tuple[State, Reset | None]:
    def read(section: str) -> Json:
        return found.declare.get(section, {}).get(found.name)

    state, reset = read("state"), read("reset")
    parsed: State = StateSpec.model_validate(state) if isinstance(state, Mapping) else READ_ONLY
    if isinstance(reset, Mapping):
        return parsed, ResetSpec.model_validate(reset)
    return parsed, RESTART if reset == RESTART else None


def _list_texts(entry: ServerEntry) -> list[str]:
    """Where a path may stand: env before args, since the first arguments often name the program."""
    return [*entry.env.values(), *(part for text in entry.args for part in text.split("=")[-1:])]


def _list_keys(tool: ListedTool) -> list[str]:
    return list(tool.schema.get("properties", {}))


def _needs(tool: ListedTool) -> bool:
    return bool(tool.schema.get("required"))
