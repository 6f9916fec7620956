"""An audit as rows of JSON, as lines for a terminal, and as one HTML page that needs no network.

Ids, instructions and reasons hold strangers' text: the page escapes it, and whoever prints the lines makes
them plain.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path

import jinja2
from markupsafe import Markup

from selfchal.audit.auditing import Audit, AuditedTask
from selfchal.audit.findings import CheckName, Grade, TaskVerdict
from selfchal.core.world import Json
from selfchal.plain_text import make_plain
from selfchal.write_whole import write_whole

VERSION = 1  # of the rows that ``to_json`` gives
_LONGEST_ID = 80  # characters that are shown
_LONGEST_REASON = 400
_MOST_SHOWN = 5_000  # tasks on the page
_LONGEST_INSTRUCTION = 2_000
_FOUND = (Grade.CERTAIN, Grade.DOUBTFUL)
_SILENT = (TaskVerdict.SOUND, TaskVerdict.NOT_RUN)  # tasks of which no line is shown


def to_json(audit: Audit) -> dict[str, Json]:
    """One object: the counts by verdict and by check, what was not checked, and every task."""
    return {
        "version": VERSION,
        "path": audit.path,
        "format": audit.format,
        "test_set": audit.test_set,
        "hacker": audit.hacker,
        "tasks": [_describe_task(position, task) for position, task in enumerate(audit.tasks, start=1)],
        "verdicts": {str(verdict): count for verdict, count in audit.verdicts.items()},
        "checks": {
            str(check): {str(grade): count for grade, count in by_grade.items()}
            for check, by_grade in audit.checks.items()
        },
        "not_checked": [
            {"check": str(check), "reason": reason, "tasks": count}
            for check, reason, count in audit.not_checked
        ],
        "exit_code": audit.exit_code,
    }


def _describe_task(position: int, audited: AuditedTask) -> dict[str, Json]:
    findings = [
        {"check": str(finding.check), "grade": str(finding.grade), "reason": finding.reason}
        for finding in audited.findings
    ]
    return {
        "position": position,  # ids may be the same
        "id": audited.task.id,
        "verdict": str(audited.verdict),
        "findings": findings,
    }


def list_lines(audit: Audit) -> Iterator[str]:
    """What is shown on a terminal: the tasks on which something was found, then the counts."""
    for audited in audit.tasks:
        if audited.verdict in _SILENT:
            continue
        yield f"{shorten_id(audited.task.id)}  {audited.verdict}"
        for finding in audited.findings:
            if finding.grade is not Grade.NOT_CHECKED:
                yield f"    {finding.check} ({finding.grade}): {_cut(finding.reason, _LONGEST_REASON)}"
    yield f"{len(audit.tasks)} tasks, {audit.format}: {describe_verdicts(audit)}"
    for check, by_grade in audit.checks.items():
        found = [f"{by_grade[grade]} {grade}" for grade in _FOUND if by_grade[grade]]
        if found:
            yield f"  {check}: {', '.join(found)}"
    for (reason, count), checks in _group_not_checked(audit).items():
        yield f"  not checked on {count}: {', '.join(checks)}. {_cut(reason, _LONGEST_REASON)}"


def _group_not_checked(audit: Audit) -> dict[tuple[str, int], list[CheckName]]:
    """The checks that could not be made, by the reason and the number of tasks."""
    grouped: dict[tuple[str, int], list[CheckName]] = {}
    for check, reason, count in audit.not_checked:
        grouped.setdefault((reason, count), []).append(check)
    return grouped


def describe_verdicts(audit: Audit) -> str:
    """How many tasks have which verdict, in a few words."""
    return ", ".join(f"{count} {verdict}" for verdict, count in audit.verdicts.items())


def shorten_id(name: str) -> str:
    """An id in one line; a dash for one that is empty."""
    return _cut(name, _LONGEST_ID) or "-"


def _cut(text: str, most: int) -> str:
    line = " ".join(make_plain(text).split())
    return line if len(line) <= most else f"{line[:most]}…"


def write_page(audit: Audit, out: Path) -> None:
    """Write the page. Raises StoreError where it cannot be written."""
    page = render_page(audit)
    write_whole(
        out,
        lambda part: part.write_text(page, encoding="utf-8", errors="replace"),
        cure="choose another file for --html",
    )


def render_page(audit: Audit) -> str:
    """The whole page, the worst tasks first. It holds no script, and its security policy forbids any."""
    order = list(TaskVerdict)
    worst_first = sorted(audit.tasks, key=lambda task: order.index(task.verdict))
    return _load_template().render(
        audit=audit,
        shown=worst_first[:_MOST_SHOWN],
        left_out=len(worst_first[_MOST_SHOWN:]),
        grades=list(Grade),
        not_checked=Grade.NOT_CHECKED,
        style=Markup(files("selfchal.report").joinpath("assets/style.css").read_text(encoding="utf-8")),
    )


@cache
def _load_template() -> jinja2.Template:
    made = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.filters["name"] = shorten_id
    made.filters["reason"] = lambda text: _cut(text, _LONGEST_REASON)
    made.filters["instruction"] = lambda text: make_plain(text[:_LONGEST_INSTRUCTION])
    return made.from_string(
        files("selfchal.audit").joinpath("assets/audit.html.j2").read_text(encoding="utf-8")
    )
