"""``selfchal plugins check`` and ``show``: whether a plugin keeps its contract, and what can be set."""

from __future__ import annotations

import contextlib
import inspect
import sys
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from selfchal.cli.options import Seconds, plugin_option, read_options
from selfchal.cli.terminal import printing_on_stderr, say, say_json, say_listing
from selfchal.core.errors import ManifestError, PluginError
from selfchal.core.world import Json
from selfchal.pipeline.manifest import parse_config
from selfchal.pipeline.requirements import check_installed, find_obstacle, requirements_of
from selfchal.plugins import Registered, load_plugins
from selfchal.plugins.describe_options import describe_options
from selfchal.plugins.kinds import KINDS
from selfchal.plugins.loading import describe_origin

if TYPE_CHECKING:
    from selfchal.testing.checking import CaseReport

_KIND = click.option(
    "--kind",
    type=click.Choice([kind.name for kind in KINDS]),
    help="Which one is meant, where plugins of two kinds share a name.",
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_LEVELS = ("static", "runtime", "semantic")
_STYLES = {"kept": "green", "broken": "red", "not tried": "yellow"}


@click.command("show")
@click.argument("name")
@_KIND
@_JSON
def show(name: str, kind: str | None, as_json: bool) -> None:
    """Show what a plugin is, where its code is, and which options it has."""
    item = _find(name, kind)
    options = list(describe_options(item.cls.Config.model_fields))
    row: dict[str, Json] = {
        "kind": item.kind,
        "name": item.name,
        "package": item.package,
        "version": item.version,
        "plugin": item.plugin,
        "class": f"{item.cls.__module__}.{item.cls.__qualname__}",
        "file": _find_file(item),
        "docs": inspect.getdoc(item.cls) or "",
        "needs": [one.install for one in requirements_of(item.cls)],
        "options": [{**vars(option)} for option in options],
    }
    if as_json:
        say_json(row, indent=2)
        return
    say(f"{item.kind} {item.name}", bold=True)
    say_listing(str(row["docs"]))
    say_listing(f"from    {describe_origin(item.plugin, item.package, item.version)}")
    say_listing(f"class   {row['class']}, {row['file']}")
    if row["needs"]:
        say_listing(f"needs   pip install {' '.join(dict.fromkeys(map(repr, map(str, row['needs']))))}")
    say("options" if options else "no options", bold=True)
    for option in options:
        say_listing(f"  {option.name}  {option.type}, {_say_default(option.default)}. {option.text}".rstrip())


def _say_default(default: str) -> str:
    return default if default == "required" else f"default {default}"


@click.command("check")
@click.argument("name")
@_KIND
@click.option(
    "--level",
    type=click.Choice(_LEVELS),
    default="semantic",
    help="static: what it declares. runtime: also what it does. semantic (default): also what it is for.",
)
@click.option("--seconds", type=Seconds(1, 86_400), default=60.0, help="For all rules together.")
@plugin_option("plugin")
@_JSON
@click.pass_context
def check(
    ctx: click.Context,
    name: str,
    kind: str | None,
    level: str,
    seconds: float,
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    """Check whether the plugin NAME keeps the rules of its kind.

    The rules are the cases of selfchal.testing.conformance. A line tells of each: kept; broken, with what
    was seen and what to do; or not tried, because the time was over. The exit code is 1 when a rule is broken
    or was not tried, and 2 when nothing could be checked.
    """
    from selfchal.testing.checking import list_cases, run_cases
    from selfchal.testing.conformance import CaseLevel

    item = _find(name, kind)
    options = read_options(overrides)
    _demand_startable(item, options)
    tell = (lambda report: None) if as_json else _say_report
    if not as_json:
        origin = describe_origin(item.plugin, item.package, item.version)
        say_listing(f"{item.kind} {item.name}, {origin}: {_find_file(item)}")
    with printing_on_stderr() if as_json else contextlib.nullcontext():
        cases = list_cases(item.kind, item.cls, options, CaseLevel(level), item.module)
        reports = run_cases(cases, seconds, tell)
    counts = Counter(str(report.result) for report in reports)
    if as_json:
        say_json(_make_rows(item, level, reports), indent=2)
    else:
        told = ", ".join(f"{counts[result]} {result}" for result in _STYLES if counts[result])
        say(
            f"{item.kind} {item.name}: {told}, in {sum(report.seconds for report in reports):.0f} s",
            bold=True,
        )
    ctx.exit(0 if set(counts) == {"kept"} else 1)


def _find_file(item: Registered) -> str | None:
    """Where the plugin's code is: of a class that selfchal made for it, where it was asked for."""
    if item.cls.__module__.partition(".")[0] == item.module.partition(".")[0]:
        return inspect.getsourcefile(item.cls)
    return sys.modules[item.module].__file__


def _find(name: str, kind: str | None) -> Registered:
    """Raises PluginError where there is none of that name, or plugins of several kinds."""
    plugins = load_plugins()
    if kind is not None:
        plugins.find(kind, name)  # which says what there is instead
    found = [item for item in plugins.all() if item.name == name and kind in (None, item.kind)]
    if not found:
        known = sorted({item.name for item in plugins.all()})
        failures = "".join(f"\n  {failure}" for failure in plugins.failures)
        raise PluginError(f"no plugin named {name!r}; there are: {', '.join(known)}{failures}")
    if len(found) > 1:
        raise PluginError(
            f"{name!r} is the name of a {' and a '.join(item.kind for item in found)}; say --kind"
        )
    return found[0]


def _demand_startable(item: Registered, options: dict[str, Any]) -> None:
    """Raises ManifestError for options that it does not have, and what else keeps it from being made."""
    config = parse_config(item.cls.Config, options, f"{item.kind} {item.name}")
    check_installed([(item.cls, config)])
    if obstacle := find_obstacle(item.cls, config):
        raise ManifestError(f"{item.kind} {item.name} cannot be made: {obstacle}")


def _say_report(report: CaseReport) -> None:
    say(f"{report.result:9}", nl=False, fg=_STYLES[report.result])
    say_listing(f" {report.rule} ({report.seconds:.1f} s)")
    if report.seen:
        say_listing(f"          {report.seen}")
    if report.cure:
        say_listing(f"          to do: {report.cure}")


def _make_rows(item: Registered, level: str, reports: Sequence[CaseReport]) -> dict[str, Json]:
    return {
        "kind": item.kind,
        "name": item.name,
        "package": item.package,
        "version": item.version,
        "level": level,
        "rules": [
            {
                "rule": report.rule,
                "level": str(report.level),
                "result": str(report.result),
                "seen": report.seen,
                "cure": report.cure,
                "seconds": round(report.seconds, 3),
            }
            for report in reports
        ],
    }
