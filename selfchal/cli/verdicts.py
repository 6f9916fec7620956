"""Verdicts on the terminal: of the tasks of a file, and of a run's tasks that are judged again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from selfchal.api.judging import judge_rows
from selfchal.api.rejudging import Change, describe_verdict, find_changes, judge_again
from selfchal.cli.terminal import say_json, say_listing
from selfchal.core.errors import ManifestError
from selfchal.core.judge import Outcome
from selfchal.core.world import Json
from selfchal.judging.rows import UnreadableRow
from selfchal.pipeline.outcomes import name_check
from selfchal.pipeline.sources import read_lines

_LONGEST_ID = 80  # characters of an id that are shown


def judge_run(
    run: Path, options: Mapping[str, Json], checks: Sequence[Mapping[str, Json]], as_json: bool
) -> int:
    """Show what has changed, or with JSON every task; returns the exit code."""
    counts: Counter[Change] = Counter()
    if not as_json:
        for said in find_changes(run, options, checks):
            say_listing(f"since this run: {said}")
    for judged in judge_again(run, options, checks):
        counts[judged.change] += 1
        if as_json:
            say_json(judged.to_json())
        elif judged.change is not Change.NONE:
            said = f"{describe_verdict(judged.before)} -> {describe_verdict(judged.now)}"
            say_listing(f"{judged.task.id}  {judged.change}: {said}")
    if not as_json:
        parts = [f"{counts[change]} {change}" for change in Change if counts[change]]
        say_listing(f"{counts.total()} tasks judged again: {', '.join(parts)}")
    return int(counts.total() != counts[Change.NONE])


def judge_file(
    file: Path,
    section: Mapping[str, Json],
    sandbox: str,
    checks: Sequence[Mapping[str, Json]],
    secret: str | None,
    as_json: bool,
) -> int:
    """Show one verdict a line; returns the exit code."""
    lines = read_lines(file)
    if not lines:
        raise ManifestError(
            f"{file} holds no tasks; a line is a task as a JSON object with instruction, evaluate, solution "
            "and failures"
        )
    rows = [row for _, row in lines]
    verdicts = judge_rows(rows, section, sandbox, checks=checks, processes=None, secret=secret)
    code = 0
    for (number, row), verdict in zip(lines, verdicts, strict=True):
        unread = isinstance(row, UnreadableRow)
        code = 2 if unread else max(code, int(verdict["outcome"] != Outcome.PASSED))
        if as_json:
            say_json({"line": number, **verdict})
        else:
            say_listing(_format_verdict(number, verdict))
    return code


def _format_verdict(number: int, verdict: Mapping[str, Json]) -> str:
    """One line, whatever the row holds."""
    fell = verdict["outcome"] != Outcome.PASSED
    where = f" at '{verdict['stage']}'{name_check(verdict['check'])}" if fell else ""
    why = f": {verdict['reason']}" if verdict["reason"] else ""
    name = " ".join(verdict["id"].split())[:_LONGEST_ID] or "-"
    return f"{number}  {name}  {verdict['outcome']}{where}{' '.join(why.split())}"
