"""``selfchal mcp``: from an mcpServers JSON to declared servers and a handful of judged tasks."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from selfchal.api import running
from selfchal.api.reading import open_run
from selfchal.cli.groups import SuggestingGroup
from selfchal.cli.manifest import set_option
from selfchal.cli.progress import progress_on
from selfchal.cli.terminal import say, say_json, say_listing
from selfchal.pipeline.manifest import apply_overrides
from selfchal.pipeline.requirements import check_installed
from selfchal.plugins import load_plugins

_PROPOSALS_A_TASK = 5


@click.group(cls=SuggestingGroup)
def mcp() -> None:
    """Inspect your MCP servers, and try what tasks they are good for."""


@mcp.command("inspect")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--call-tools", "tries", multiple=True, metavar="SERVER", help="Call this server's tools: which write?"
)
@click.option(
    "--contact", "contacts", multiple=True, metavar="SERVER", help="Ask this server on another machine, too."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def inspect(file: Path, tries: tuple[str, ...], contacts: tuple[str, ...], as_json: bool) -> None:
    """Say of each server in an mcpServers JSON what it could be used as, and what to declare.

    Servers are started and asked for their list of tools. No tool is called, and no other machine is
    contacted, unless an option names the server.
    """
    plugin = load_plugins().find("environment", "mcp")
    check_installed([(plugin, None)])
    rows = [asdict(one) for one in plugin.inspect(file, tries, contacts)]
    if as_json:
        say_json(rows, indent=2)
        return
    for row in rows:
        _print_server(row)
    options = f"{_write_declaration(rows)} --set model.base_url=URL --set model.model=NAME"
    say_listing("Tools are called only on servers that a manifest declares. Declare one and try it:")
    say(f"  selfchal mcp try {shlex.quote(str(file))} {options}")


def _write_declaration(rows: Sequence[Mapping[str, Any]]) -> str:
    """The options that declare the first server that can be declared."""
    declare = next((row["declare"] for row in rows if row["declare"]), {"state": {"NAME": {"file": "PATH"}}})
    options = [f"environment.{section}={json.dumps(value)}" for section, value in declare.items()]
    return " ".join(f"--set {shlex.quote(option)}" for option in options)


def _print_server(row: Mapping[str, Any]) -> None:
    say(f"{row['name']}: {row['kind']}", bold=True)
    say(f"  {row['reached']}")
    say_listing(f"  {row['why']}")
    for how, what in (("reads", "only read"), ("writes", "write"), ("?", "may write, they do not say")):
        named = [tool for tool, said in row["tools"].items() if said == how]
        if named:
            say_listing(f"  {what}: {', '.join(named)}")
    for finding in row["findings"]:
        say_listing(f"  found: {finding}")
    for section, value in row["declare"].items():
        say(f"  {section}: {json.dumps(value)}")
    say("")


@mcp.command("try")
@click.argument("file", type=click.Path(path_type=Path))
@set_option
@click.option("--tasks", default=5, show_default=True, help="How many kept tasks are wanted.")
@click.option("--out", type=click.Path(path_type=Path), help="The run directory (default: runs/mcp-try).")
def try_servers(file: Path, overrides: tuple[str, ...], tasks: int, out: Path | None) -> None:
    """Let a model explore the declared servers of an mcpServers JSON, propose tasks, and judge them.

    It is a run without a trainer; --set declares the servers and names the model, as in a manifest:

    \b
    selfchal mcp try mcp.json --set environment.state.memory.file=/home/me/memory.jsonl \\
        --set model.base_url=http://127.0.0.1:8000/v1 --set model.model=Qwen/Qwen2.5-Coder-7B-Instruct
    """
    rows: dict[str, Any] = {
        "run": {"name": "mcp-try"},
        "environment": {"name": "mcp", "servers": str(file)},
        "model": {"name": "openai"},
        "challenge": {"tasks": tasks, "proposals": _PROPOSALS_A_TASK * tasks},
    }
    apply_overrides(rows, overrides)
    manifest = running.load_manifest(rows)
    directory = running.directory_of(manifest, out)
    running.run(manifest, directory, watch=progress_on("stdout", manifest))
    _print_tasks(directory)


def _print_tasks(directory: Path) -> None:
    tasks = open_run(directory).tasks()
    say(f"\n{len(tasks)} tasks kept. Why others fell: selfchal tasks list {directory} --rejected", bold=True)
    for task in tasks:
        say_listing(f"  {task['id']}  {task['instruction']}")
    say(f"As a file: selfchal tasks export {directory} --out tasks.jsonl")
