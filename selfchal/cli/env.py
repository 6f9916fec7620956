"""``selfchal env``: an environment's tools without a model, called from a file, a shell or elsewhere."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import NoReturn

import click

import selfchal
from selfchal.api.opening import using_environment
from selfchal.cli.groups import SuggestingGroup
from selfchal.cli.options import plugin_option, read_options
from selfchal.cli.terminal import printing_on_stderr, say, say_json, say_listing
from selfchal.core.environment import Environment
from selfchal.core.errors import ManifestError, PluginError
from selfchal.core.world import Json, World
from selfchal.serving.call_file import SharedSession, parse_calls
from selfchal.serving.mcp_session import Caller, McpSession
from selfchal.serving.mcp_stdio import serve_stdio
from selfchal.serving.session import ToolCall, WorldSession, list_tools
from selfchal.serving.strict_json import read_json


@click.group(cls=SuggestingGroup)
def env() -> None:
    """Call an environment's tools without a model, or serve them."""


_CONTEXT = click.option(
    "--context",
    "context_text",
    default="{}",
    metavar="JSON",
    help="What the world is opened with, as a task's context says it.",
)


@env.command("replay")
@click.argument("name")
@click.argument("calls", type=click.Path(path_type=Path))
@plugin_option("environment")
def replay(name: str, calls: Path, overrides: tuple[str, ...]) -> None:
    """Make the tool calls of a JSONL file, each on the world that the calls before it left.

    A line {"name": …, "kwargs": {…}} (or "args": […]) gives a line {"obs": …, "changed": …, "sha256": …}
    with the text an agent sees and the sha256 of the whole state. A line {"reset": true} starts afresh
    and gives nothing.
    """
    lines = list(_read_lines(calls))
    with using_environment(name, **read_options(overrides)) as environment:
        for row in _replay(environment.open({}), lines):
            say_json(row)


def _read_lines(path: Path) -> Iterator[dict[str, Json]]:
    """The calls and resets of a file. Raises ManifestError."""
    # They bring the judge, which takes half a second to import and which no other command here needs.
    from selfchal.judging.rows import UnreadableRow
    from selfchal.pipeline.sources import read_lines

    for number, row in read_lines(path, "file of calls"):
        where = f"{path}, line {number}"
        if isinstance(row, UnreadableRow):
            raise ManifestError(f"{where}: {row.reason}")
        yield _check_call(row, where)


def _check_call(row: Json, where: str) -> dict[str, Json]:
    """The row as a call or a reset. Raises ManifestError."""
    if isinstance(row, dict) and row.get("reset") is True:
        return row
    if not (isinstance(row, dict) and isinstance(row.get("name"), str)):
        raise ManifestError(f'{where}: write {{"name": "<tool>", "kwargs": {{…}}}} or {{"reset": true}}')
    if not (isinstance(row.get("kwargs", {}), dict) and isinstance(row.get("args", []), list)):
        raise ManifestError(f"{where}: kwargs is an object, args is a list")
    return row


def _replay(world: World, lines: list[dict[str, Json]]) -> Iterator[dict[str, Json]]:
    """The whole state is hashed only when the cheap digest says that it changed."""
    sha256: dict[str, str] = {}
    for row in lines:
        if row.get("reset") is True:
            world.reset()
            continue
        before = world.digest()
        result = world.call(row["name"], row.get("args", []), row.get("kwargs", {}))
        after = world.digest()
        if after not in sha256:
            sha256[after] = world.canonical_sha256()
        yield {"obs": world.show(result), "changed": before != after, "sha256": sha256[after]}


@env.command("call")
@click.argument("name")
@click.argument("tool", required=False)
@click.argument("arguments", default="{}")
@click.option(
    "--calls", type=click.Path(path_type=Path), required=True, help="The file that holds the world's calls."
)
@_CONTEXT
@plugin_option("environment")
@click.pass_context
def call_tool(
    ctx: click.Context,
    name: str,
    tool: str | None,
    arguments: str,
    calls: Path,
    context_text: str,
    overrides: tuple[str, ...],
) -> None:
    """Call TOOL with ARGUMENTS, a JSON object, on the world that the calls of a file have left.

    The call is appended to the file, so a later one goes on from there, and so does `selfchal env serve` with
    the same file. With - as TOOL it makes the calls of standard input, one {"name": …, "kwargs": {…}} a line.
    Without TOOL it lists the tools. The exit code is 1 when TOOL refused.
    """
    environment = ctx.with_resource(using_environment(name, **read_options(overrides)))
    if tool is None:
        for spec in list_tools(environment):
            say_listing(f"{spec.signature}  {spec.description}")
        return
    if tool == "-":
        wanted = list(parse_calls(sys.stdin.buffer.read(), "standard input"))
    else:
        wanted = [ToolCall(tool, _read_object(arguments, "ARGUMENTS"))]
    session = _share_world(environment, _read_object(context_text, "--context"), calls)
    refused = False
    for call in wanted:
        seen = session.call(call)
        refused |= not seen.ok
        say(seen.text)
    ctx.exit(int(refused and tool != "-"))


@env.command("serve")
@click.argument("name")
@click.option("--port", type=click.IntRange(0, 65_535), help="Serve over HTTP here; 0 takes a free port.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to serve at with --port.")
@click.option(
    "--calls",
    type=click.Path(path_type=Path),
    help="Keep the world's calls in this file, and go on from those that it holds.",
)
@click.option(
    "--openenv",
    is_flag=True,
    help="Speak OpenEnv's HTTP and WebSocket contract in place of MCP; needs --port.",
)
@_CONTEXT
@plugin_option("environment")
def serve(
    name: str,
    port: int | None,
    host: str,
    calls: Path | None,
    openenv: bool,
    context_text: str,
    overrides: tuple[str, ...],
) -> None:
    """Serve an environment's tools as an MCP server: on standard input and output, or over HTTP.

    Each client has a world of its own, opened afresh: over HTTP each session, otherwise this process. Where
    the environment asks for an answer there is a further tool, submit_answer. With --openenv the clients are
    OpenEnv's, and held-out tasks are served with their rewards.
    """
    if openenv and port is None:
        raise ManifestError("--openenv serves over HTTP alone; add --port 8000")
    if calls is not None and port is not None:
        raise ManifestError("--calls keeps the calls of one world, and with --port each session has its own")
    signal.signal(signal.SIGTERM, _end_orderly)
    context = _read_object(context_text, "--context")
    with printing_on_stderr():  # an environment may print, and stdout is the protocol's
        opened = using_environment(name, **read_options(overrides))
        environment = click.get_current_context().with_resource(opened)
        open_session = partial(_open_mcp_session, environment, context, calls)
        first = open_session()
    if port is None:
        serve_stdio(first)
    elif openenv:
        _serve_openenv(environment, context, host, port)
    else:
        _serve_mcp(name, open_session, host, port)


def _serve_mcp(name: str, open_session: Callable[[], McpSession], host: str, port: int) -> None:
    from selfchal.serving.mcp_http import McpServer  # Python's HTTP server is slow to import
    from selfchal.serving.sessions import Sessions

    try:
        server = McpServer(host, port, Sessions(open_session))
    except OSError as error:
        raise ManifestError(f"cannot serve at {host}:{port}: {error}; choose another --port") from error
    with server:
        say(f"Serving {name} at {server.url}; stop it with Ctrl-C")
        server.serve_forever()


def _serve_openenv(environment: Environment, context: Mapping[str, Json], host: str, port: int) -> None:
    try:
        from selfchal.serving.openenv_http import listen, make_openenv_app, serve_openenv
    except ModuleNotFoundError as error:
        raise PluginError(f"{error.name} is not installed; run: pip install 'selfchal[openenv]'") from error
    app = make_openenv_app(environment, context, selfchal.__version__, frozenset([host]))
    with listen(host, port) as listening:
        say(f"Serving {environment.name} at http://{host}:{listening.getsockname()[1]}; stop it with Ctrl-C")
        serve_openenv(app, listening)


def _end_orderly(number: int, frame: object) -> NoReturn:
    """End as at Ctrl-C, so that what the environment started is ended too."""
    sys.exit(0)


def _open_mcp_session(
    environment: Environment, context: Mapping[str, Json], calls: Path | None
) -> McpSession:
    caller: Caller = (
        WorldSession(environment, context) if calls is None else _share_world(environment, context, calls)
    )
    return McpSession(
        environment.name, selfchal.__version__, list_tools(environment), environment.policy, caller
    )


def _share_world(environment: Environment, context: Mapping[str, Json], calls: Path) -> SharedSession:
    return SharedSession(calls, partial(WorldSession, environment, context))


def _read_object(text: str, what: str) -> dict[str, Json]:
    """Raises ManifestError for what is no JSON object."""
    try:
        value = read_json(text)
    except ValueError as error:
        raise ManifestError(f"{what}: {text[:200]!r} is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise ManifestError(f'{what}: write a JSON object, as {{"name": "value"}}')
    return value
