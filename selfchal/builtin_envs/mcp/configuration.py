"""The mcpServers JSON that people have: which servers there are, and how each is started or reached.

``${VAR}``, ``${env:VAR}`` and ``${VAR:-default}`` in it are filled in from the environment variables when a
server is started, and never before, so that no secret is kept anywhere else.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from selfchal.core.errors import EnvironmentDataError
from selfchal.core.world import Json
from selfchal.text_files import MOST_WRITTEN_BYTES, explain_unreadable, read_text_file

_VARIABLE = re.compile(r"\$\{(?:env:)?(\w+)(?::-([^}]*))?\}")
_SECTIONS = ("mcpServers", "servers", "mcp")  # Claude, Cursor and most; VS Code; older ones
_SECRET = re.compile(
    r"(^|[_-]|api)(key|token|secret|password|passwd|credentials?|authorization|cookie|pat)s?($|[_-])",
    re.IGNORECASE,
)
_SECRET_ARGUMENT = re.compile(r"^--?[\w-]*(key|token|secret|password)(=|$)", re.IGNORECASE)
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class ServerEntry:
    """One server as the JSON has it: a program with arguments (stdio), or an address (streamable HTTP)."""

    name: str
    command: str = ""
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: str | None = None
    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_remote(self) -> bool:
        """Whether starting it would contact another machine."""
        return bool(self.url) and urlsplit(self.url).hostname not in _LOOPBACK

    @property
    def reached(self) -> str:
        """How it is started or reached, for people; without what may be a key."""
        if self.url:
            parts = urlsplit(self.url)
            return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path}"
        secret = self._list_secret_arguments()
        shown = [_hide_value(text) if i in secret else text for i, text in enumerate(self.args)]
        return " ".join((self.command, *shown))

    def filled_in(self) -> ServerEntry:
        """With the values of the environment variables that it names. Raises EnvironmentDataError."""

        def fill(text: str) -> str:
            return fill_in(text, self.name)

        return replace(
            self,
            command=fill(self.command),
            args=tuple(map(fill, self.args)),
            env={name: fill(value) for name, value in self.env.items()},
            cwd=self.cwd and fill(self.cwd),
            url=fill(self.url),
            headers={name: fill(value) for name, value in self.headers.items()},
        )

    def substituted(self, path: str, private: str) -> ServerEntry:
        """With another path in the place of this one, wherever it stands in arguments and env."""

        def substitute(text: str) -> str:
            return text.replace(path, private)

        return replace(
            self,
            args=tuple(map(substitute, self.args)),
            env={name: substitute(value) for name, value in self.env.items()},
            cwd=self.cwd and substitute(self.cwd),
        )

    def names(self, path: str) -> bool:
        """Whether this path stands in its arguments, env or working directory."""
        return any(path in text for text in (*self.args, *self.env.values(), self.cwd or ""))

    def list_literal_secrets(self) -> list[str]:
        """Where a key or token seems to be written out instead of as ``${VAR}``."""
        pairs = [
            *((f"env.{name}", name, value) for name, value in self.env.items()),
            *((f"headers.{name}", name, value) for name, value in self.headers.items()),
        ]
        found = [
            where for where, name, value in pairs if _SECRET.search(name) and not _VARIABLE.search(value)
        ]
        return [*found, *(f"args.{i}" for i in self._list_secret_arguments())]

    def _list_secret_arguments(self) -> list[int]:
        """The arguments that hold a key: ``--api-key=…``, or what follows on ``--api-key``."""
        found = []
        for i, argument in enumerate(self.args):
            match = _SECRET_ARGUMENT.match(argument)
            if match is None:
                continue
            holder = i if match[2] else i + 1
            written = "".join(self.args[holder : holder + 1]).removeprefix(match[0])
            if written and not _VARIABLE.search(written):
                found.append(holder)
        return found


def _hide_value(argument: str) -> str:
    name, equals, _ = argument.partition("=")
    return f"{name}=…" if equals else "…"


def fill_in(text: str, server: str) -> str:
    """The text with the values of the variables that it names. Raises EnvironmentDataError."""

    def value(match: re.Match[str]) -> str:
        found = os.environ.get(match[1], match[2])
        if found is None:
            raise EnvironmentDataError(
                f"server {server!r} needs the environment variable {match[1]}, which is not set: "
                f"export {match[1]}=… before you start selfchal"
            )
        return found

    return _VARIABLE.sub(value, text)


def read_file(path: Path) -> dict[str, ServerEntry]:
    """The servers of a JSON file. Raises ValueError with the cause and the cure."""
    try:
        value = json.loads(read_text_file(path.expanduser(), MOST_WRITTEN_BYTES))
    except (OSError, UnicodeDecodeError) as error:
        cure = "it is the JSON with the servers' commands that Claude, Cursor or VS Code read"
        raise ValueError(f"{path} cannot be read: {explain_unreadable(error)}; {cure}") from error
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not JSON: {error}") from error
    return read_servers(value, str(path))


def read_servers(value: Json, where: str) -> dict[str, ServerEntry]:
    """The servers of a parsed mcpServers JSON, those that are switched off left out. Raises ValueError."""
    rows = value
    for section in _SECTIONS:
        if isinstance(value, dict) and isinstance(value.get(section), dict):
            rows = value[section].get("servers", value[section]) if section == "mcp" else value[section]
            break
    if not isinstance(rows, dict) or not rows:
        raise ValueError(f'{where} names no server; write {{"mcpServers": {{"NAME": {{"command": …}}}}}}')
    return {name: _read_entry(name, row) for name, row in rows.items() if not _is_off(row)}


def _is_off(row: Json) -> bool:
    return isinstance(row, dict) and (row.get("disabled") is True or row.get("enabled") is False)


def _read_entry(name: str, row: Json) -> ServerEntry:
    if not isinstance(row, dict):
        raise ValueError(f"server {name!r} must be an object with command and args, or with url")
    url, command = row.get("url") or row.get("serverUrl") or "", row.get("command") or ""
    kind = str(row.get("type") or row.get("transport") or "").lower()
    if kind == "sse":
        raise ValueError(
            f"server {name!r} speaks SSE, which MCP has given up; use its streamable HTTP address"
        )
    if bool(url) == bool(command):
        raise ValueError(f"server {name!r} needs either a command or a url")
    args, env, headers = row.get("args") or [], row.get("env") or {}, row.get("headers") or {}
    if not isinstance(args, list) or not isinstance(env, dict) or not isinstance(headers, dict):
        raise ValueError(f"server {name!r}: args is a list, env and headers are objects")
    return ServerEntry(
        name,
        command=str(command),
        args=tuple(map(str, args)),
        env={key: str(text) for key, text in env.items()},
        cwd=row.get("cwd") or None,
        url=str(url),
        headers={key: str(text) for key, text in headers.items()},
    )
