"""``selfchal plugins``: what is installed, what failed to load, and a start for one's own."""

from __future__ import annotations

from pathlib import Path

import click

from selfchal.cli.groups import SuggestingGroup
from selfchal.cli.plugin_check import check, show
from selfchal.cli.terminal import say, say_json, say_listing
from selfchal.core.requirement import Requirement
from selfchal.core.world import Json
from selfchal.pipeline.requirements import requirements_of
from selfchal.plugins import Plugins, Registered, load_plugins
from selfchal.plugins.kinds import KINDS
from selfchal.plugins.scaffold import SCAFFOLDS, scaffold


@click.group(cls=SuggestingGroup)
def plugins() -> None:
    """List, show and check plugins, or start one of your own."""


plugins.add_command(check)
plugins.add_command(show)


@plugins.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: plugins, hooks, failures, disabled.")
def list_plugins(as_json: bool) -> None:
    """Show every plugin, its kind, package and version, and what failed to load."""
    found = load_plugins()
    if as_json:
        say_json(_make_rows(found), indent=2)
        return
    for kind in KINDS:
        items = [item for item in found.all() if item.kind == kind.name]
        say(kind.name, bold=True)
        width = max((len(item.name) for item in items), default=0)
        for item in items:
            missing = dict.fromkeys(one.install for one in _list_missing(item))
            needs = f"; needs pip install {' '.join(map(repr, missing))}" if missing else ""
            package = f"({item.package} {item.version}{needs})"
            say_listing(f"  {item.name:{width}}  {item.summary}  {package}")
        if not items:
            say("  none")
    say("hooks of functions, told of every run", bold=True)
    for source, hooks in found.list_hooks():
        say_listing(f"  {source.plugin}  {', '.join(hooks)}  ({source.package} {source.version})")
    for source in found.disabled:
        say_listing(f"disabled: {source}")
    for failure in found.failures:
        say_listing(f"failed: {failure}", fg="red")


def _list_missing(item: Registered) -> list[Requirement]:
    """What the plugin cannot do without, whatever its options, and is not installed."""
    return [one for one in requirements_of(item.cls) if one.when is None and not one.installed]


def _make_rows(found: Plugins) -> dict[str, Json]:
    return {
        "plugins": [
            {
                "kind": item.kind,
                "name": item.name,
                "package": item.package,
                "version": item.version,
                "plugin": item.plugin,
                "summary": item.summary,
                "missing": [one.module for one in _list_missing(item)],
            }
            for item in found.all()
        ],
        "hooks": [
            {"plugin": source.plugin, "package": source.package, "version": source.version, "hooks": hooks}
            for source, hooks in found.list_hooks()
        ],
        "failures": [
            {
                "plugin": failure.plugin,
                "package": failure.package,
                "version": failure.version,
                "message": failure.message,
            }
            for failure in found.failures
        ],
        "disabled": [
            {"plugin": source.plugin, "package": source.package, "version": source.version}
            for source in found.disabled
        ],
    }


@plugins.command("new")
@click.argument("kind", type=click.Choice(sorted(SCAFFOLDS)))
@click.argument("name")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Where to write it (default: selfchal-NAME here)."
)
def new(kind: str, name: str, out: Path | None) -> None:
    """Write a plugin package of your own whose tests are green from the start."""
    folder = scaffold(kind, name, out or Path(f"selfchal-{name}"))
    steps = [f"pip install -e '{folder}[dev]'", f"pytest {folder}", f"selfchal plugins check {name}"]
    say("\n  ".join([f"Wrote {folder}. Now:", *steps]))
