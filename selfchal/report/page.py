"""Writes ``report.html``: one page without any request to the network, readable on a phone and in the dark.

All that a model or a user wrote reaches the page through autoescaping or as JSON that the script puts
in as text, never as markup; a content security policy forbids everything else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path

import jinja2
import yaml
from markupsafe import Markup

from selfchal.core.world import Json
from selfchal.judging.tool_errors import describe_errors
from selfchal.pipeline.costs import list_cut_lines
from selfchal.pipeline.roles import list_role_lines
from selfchal.pipeline.test_sets import count_tasks, list_measured
from selfchal.report.charts import curves_of, score_bars
from selfchal.report.gather import Findings, gather
from selfchal.write_whole import write_whole

REPORT = "report.html"


def write_report(directory: Path, out: Path | None = None) -> Path:
    """Write the report of a run, under way or ended; returns its path. Raises StoreError."""
    path = out or directory / REPORT
    page = render(gather(directory))
    write_whole(
        path,
        lambda part: part.write_text(page, encoding="utf-8", errors="replace"),
        cure="write the report somewhere else with --out",
    )
    return path


def render(findings: Findings) -> str:
    """The whole page."""
    return _load_template().render(
        run=findings,
        results=findings.results,
        measured=[
            (name, count_tasks(name, findings.results), part, score_bars(part))
            for name, part in list_measured(findings.results)
        ],
        curves={stage: curves_of(metrics) for stage, metrics in findings.curves.items()},
        manifest=yaml.safe_dump(dict(findings.manifest), sort_keys=False, allow_unicode=True),
        tasks_json=_dump_script_json(list(findings.tasks)),
        episodes_json=_dump_script_json(list(findings.episodes)),
        style=Markup(_load_asset("style.css")),  # our own files, no model text in them
        script=Markup(_load_asset("script.js")),
        warnings=_list_warnings(findings),
        cut_turns=list_cut_lines(findings.results.get("costs", {})),
        models=list_role_lines(findings.results.get("models", {})),
        tool_errors=list(describe_errors(findings.results.get("tool_calls", {}))),
    )


@cache
def _load_template() -> jinja2.Template:
    made = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.filters["percent"] = lambda value: "–" if value is None or value != value else f"{100 * value:.1f} %"
    made.filters["points"] = lambda value: f"{100 * value:+.1f}"
    made.filters["clock"] = lambda seconds: f"{int(seconds // 60)} min {seconds % 60:.0f} s"
    made.filters["short"] = lambda value: f"{value:.3g}"
    return made.from_string(_load_asset("page.html.j2"))


def _load_asset(name: str) -> str:
    return (files("selfchal.report") / "assets" / name).read_text(encoding="utf-8")


def _dump_script_json(value: Json) -> Markup:
    """JSON that cannot end its script element, whatever strings it holds."""
    text = json.dumps(value, ensure_ascii=True)
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def _list_warnings(findings: Findings) -> list[str]:
    """What a reader must know before believing the numbers."""
    found = []
    if not findings.results and not findings.failure:
        found.append("This run has not ended: there are no final scores yet.")
    if findings.guarantees.get("sandbox", "").startswith("unsafe"):
        found.append("Code ran WITHOUT a sandbox: it could read and write whatever this user can.")
    weak = [name for name, level in findings.guarantees.get("levels", {}).items() if level != "full"]
    if weak:
        found.append(f"The sandbox did not fully guarantee: {', '.join(w.replace('_', ' ') for w in weak)}.")
    for name, part in list_measured(findings.results):
        count = count_tasks(name, findings.results)
        found += [f"{name[0].upper()}{name[1:]}: {doubt}" for doubt in _list_doubts(part, count)]
    return found


def _list_doubts(part: Mapping[str, Json], tasks: int) -> list[str]:
    found = []
    if "difference" in part and part["difference"]["low"] <= 0:
        found.append("The interval of the difference reaches 0: no improvement is shown.")
    elicitation = part["elicitation"]
    if "difference" in elicitation and elicitation["difference"]["low"] <= 0:
        found.append(
            "The trained model does not clearly beat the best way to use the untrained one "
            f"({elicitation['best'].replace('_', ' ')}): the gain may be elicitation, not skill."
        )
    moments = [part[when] for when in ("before", "after") if when in part]
    warnings = sorted({text for moment in moments for text in moment.get("warnings", {}).values()})
    found += [f"{tasks} tasks: {text} to rely on intervals." for text in warnings]
    unjudged = sum(moment["could_not_judge"] for moment in moments)
    if unjudged:
        share = max(moment.get("share_not_judged", 0.0) for moment in moments)
        causes = {moment["commonest_cause"] for moment in moments if moment.get("commonest_cause")}
        found.append(
            f"{unjudged} evaluation episodes could not be judged, up to {100 * share:.1f} % at a time. They "
            "are left out of the rates, and the low end of each interval counts them as failed. The "
            f"commonest cause: {'; '.join(sorted(causes))}"
        )
    return found
