"""The section of a manifest: which servers, what each keeps, and how it is brought back to its start.

A server whose state or reset is not declared here is not started, and none of its tools is offered.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, model_validator

from selfchal.builtin_envs.mcp.configuration import ServerEntry, read_file, read_servers

READ_ONLY: Literal["read_only"] = "read_only"
RESTART: Literal["restart"] = "restart"


class StateSpec(BaseModel):
    """Where the state of a server is seen: exactly one of file, directory and tool."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str | None = None
    directory: str | None = None
    tool: str | None = None
    arguments: dict[str, Any] = Field(default_factory=dict)
    ignore: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _check_one_kind(self) -> Self:
        if sum(kind is not None for kind in (self.file, self.directory, self.tool)) != 1:
            raise ValueError("write one of file, directory and tool")
        if self.arguments and self.tool is None:
            raise ValueError("arguments go with tool")
        return self

    @property
    def path(self) -> str | None:
        """The file or directory as it stands in the server's arguments or env."""
        return self.file or self.directory


class ResetSpec(BaseModel):
    """How a server forgets: a tool of its own, or an argument whose new value begins a new state."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tool: str | None = None
    argument: str | None = None
    arguments: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check_one_kind(self) -> Self:
        if (self.tool is None) == (self.argument is None):
            raise ValueError("write one of tool and argument, or the word restart")
        return self


State = StateSpec | Literal["read_only"]
Reset = ResetSpec | Literal["restart"]


class McpConfig(BaseModel):
    # what stands in a server's env must not be shown in a message
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    servers: Path | dict[str, Any] = Field(
        description="the mcpServers JSON: a file, or what such a file holds. Keys belong in ${VAR}"
    )
    state: dict[str, State] = Field(
        default_factory=dict,
        description="by server: {file: PATH} or {directory: PATH} as it stands in its args or env, "
        "{tool: NAME, arguments: {…}} that shows the state, or read_only; with one server alone, without "
        "its name. ignore: [PATTERN, …] beside it leaves out parts that do not count",
    )
    reset: dict[str, Reset] = Field(
        default_factory=dict,
        description="by server, for states that a tool shows: {tool: NAME}, {argument: NAME} that separates "
        "states, or restart; restart beside a file or directory where the server reads it only once",
    )
    hide: tuple[str, ...] = Field((), description="tools that are not offered: TOOL or SERVER.TOOL")
    reads: tuple[str, ...] = Field(
        (), description="tools that only read though their server does not say so: TOOL or SERVER.TOOL"
    )
    arguments: dict[str, dict[str, Any]] = Field(
        default_factory=dict,
        description="arguments given with every call and hidden from agents: {TOOL or SERVER.TOOL: {…}}",
    )
    policy: str = Field("", description="what every agent is told about its work here")
    test_tasks: Path | None = Field(
        None, description="held-out tasks: JSONL with instruction, calls [[TOOL, {…}], …], answer, family"
    )
    timeout: float = Field(
        30.0, gt=0, le=86_400, description="seconds that a server may take to start or to answer"
    )
    processes: int = Field(1, ge=1, le=64, description="how many processes of each server work side by side")

    _entries: dict[str, ServerEntry] = PrivateAttr(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _name_only_server(cls, rows: Any) -> Any:
        """Let state and reset of a single server stand without its name."""
        if not isinstance(rows, Mapping):
            return rows
        named = dict(rows)
        specs = {"state": StateSpec.model_fields, "reset": ResetSpec.model_fields}
        for section, fields in specs.items():
            spec = named.get(section)
            bare = isinstance(spec, str) or (isinstance(spec, Mapping) and spec and set(spec) <= set(fields))
            if not bare or _looks_named(spec):
                continue
            names = list(_read(named.get("servers")))
            if len(names) != 1:
                raise ValueError(f"{section} needs the server's name, since there are: {', '.join(names)}")
            named[section] = {names[0]: spec}
        return named

    @model_validator(mode="after")
    def _check_servers(self) -> Self:
        self._entries = _read(self.servers)
        for section in (self.state, self.reset):
            for name in section:
                if name not in self._entries:
                    raise ValueError(f"there is no server {name!r}; there are: {', '.join(self._entries)}")
        if not self.state and not self.reset:
            raise ValueError(
                "no server has a declared state or reset, so none would be used; "
                "'selfchal mcp inspect FILE' says what each could have"
            )
        for name in {**self.state, **self.reset}:
            _check_declaration(self._entries[name], self.state.get(name), self.reset.get(name))
        if isinstance(self.servers, dict):
            written = [
                f"{e.name}.{where}" for e in self._entries.values() for where in e.list_literal_secrets()
            ]
            if written:
                raise ValueError(
                    f"{', '.join(written)}: a key does not belong in a manifest; write ${{VAR}} and export "
                    "VAR, or name a file"
                )
        return self

    def declared(self) -> dict[str, ServerEntry]:
        """The servers that may be used: those whose state or reset is declared, in the JSON's order."""
        named = {**self.state, **self.reset}
        return {name: entry for name, entry in self._entries.items() if name in named}

    def undeclared(self) -> list[str]:
        """The servers of the JSON that are never started."""
        return [name for name in self._entries if name not in self.declared()]


def _looks_named(spec: Any) -> bool:
    """``{file: {…}}`` could be a server that is called file."""
    return isinstance(spec, Mapping) and all(isinstance(value, Mapping) for value in spec.values())


def _read(servers: Any) -> dict[str, ServerEntry]:
    if isinstance(servers, str | Path):
        return read_file(Path(servers))
    return read_servers(servers, "servers")


def _check_declaration(entry: ServerEntry, state: State | None, reset: Reset | None) -> None:
    """Raise ValueError where a declaration cannot work, with what to write instead."""
    where = f"server {entry.name!r}"
    if state is None:
        raise ValueError(f"{where} has a reset and no state; say which tool shows it: state: {{tool: NAME}}")
    if state == READ_ONLY:
        if reset is not None:
            raise ValueError(f"{where} is read_only and needs no reset")
        return
    assert isinstance(state, StateSpec)
    if state.path is None:
        if reset is None:
            raise ValueError(
                f"{where}: a state that a tool shows needs a reset: restart, or a tool, or an argument"
            )
        if reset == RESTART and entry.url:
            raise ValueError(f"{where} is reached by an address, so it cannot be restarted from here")
        return
    if entry.url:
        raise ValueError(
            f"{where} is reached by an address, so it has no file here; name a tool that shows its state"
        )
    if not entry.names(state.path):
        raise ValueError(
            f"{where}: {state.path} stands neither in its args nor in its env, so it would use its own file "
            "and not a private copy; put the path into args or env as its documentation says"
        )
    if isinstance(reset, ResetSpec):
        raise ValueError(
            f"{where}: its {'file' if state.file else 'directory'} is put back; reset can only be restart"
        )
