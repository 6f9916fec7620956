"""Tasks that are there already (``tasks: {from: …}``): read, judged like proposals, kept or refused.

They are stored as the proposals of round 0, so funnel, lists and report tell of them as of any other. Those
that the judge keeps take part in every round. Near-duplicates among them stay, for in a set of somebody's
own they may be meant; a neighbour of a held-out task is refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from selfchal.core.errors import ManifestError, StoreError
from selfchal.core.judge import Outcome, Stage, Verdict
from selfchal.core.synthesizer import Proposal
from selfchal.core.task import Task, TestTask
from selfchal.core.world import Json
from selfchal.judging.rows import UnreadableRow, read_row
from selfchal.pipeline.context import RunContext
from selfchal.pipeline.missing import describe_missing
from selfchal.pipeline.outcomes import count_outcomes
from selfchal.pipeline.store import Store
from selfchal.pipeline.test_sets import EXAM_STATUS, held_out
from selfchal.text_files import explain_unreadable, read_text_bytes

ROUND = 0
BATCH = 64  # rows stored at once: what a kill can cost
MOST_BYTES = 1_000_000  # of a row
READ = "tasks.from"  # the fact that says what was read


def source_tasks(context: RunContext) -> list[Task]:
    """Those of the manifest's own tasks that the judge kept."""
    return [p.task for p in context.store.proposals(ROUND) if p.task and p.verdict.passed]


def judge_source(context: RunContext) -> None:
    """Judge the rows of ``tasks.from`` that are not judged yet. Raises ManifestError, StoreError."""
    section = context.manifest.settings.tasks
    assert section is not None, "asked for only where a manifest has tasks of its own"
    done = list(context.store.proposals(ROUND))
    read = context.store.fact(READ)
    if read and len(done) == read["rows"]:
        return
    rows = _read_source(section.source)
    text = "\n".join(map(_write_row, rows))
    known = {"rows": len(rows), "sha256": hashlib.sha256(text.encode()).hexdigest()}
    if read and read != known:
        raise StoreError(
            f"{section.source} has changed since this run began to judge its tasks; begin a new run"
        )
    context.store.put_fact(READ, known)
    tests = held_out(context)
    with context.watch.stage("judge tasks", len(rows), "tasks"):
        for start in range(len(done), len(rows), BATCH):
            numbered = list(enumerate(rows[start : start + BATCH], start=start))
            judged = _judge_rows(context, str(section.source), numbered)
            judged = _compare_with_held_out(context, judged, tests)
            context.store.put_proposals(ROUND, f"{ROUND}/{start:06d}", judged, [], purpose="source")
            context.watch.proposals_judged(judged)
            done += judged
            context.watch.progress(len(done), count_outcomes(done))


def read_lines(path: Path, what: str = "file of tasks") -> list[tuple[int, Json | UnreadableRow]]:
    """The rows of a JSONL file with the numbers of their lines; empty lines hold none. A line that cannot be
    read costs no other one. Raises ManifestError for a file that cannot be read, and calls it ``what``."""
    try:
        lines = read_text_bytes(path).split(b"\n")
    except FileNotFoundError:
        raise ManifestError(describe_missing(path, what, Path.is_file)) from None
    except OSError as error:
        raise ManifestError(f"cannot read {path}: {explain_unreadable(error)}") from error
    return [(number, _parse_row(line)) for number, line in enumerate(lines, start=1) if line.strip()]


def _parse_row(line: bytes) -> Json | UnreadableRow:
    if len(line) > MOST_BYTES:
        return UnreadableRow(f"the line has {len(line):,} bytes; {MOST_BYTES:,} are the most that are read")
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        return UnreadableRow(
            f"byte {error.start + 1} of the line is no UTF-8", line.decode("utf-8", "replace")
        )
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        if text.lstrip().startswith("["):
            reason += "; a list is written with one object a line, without its brackets and commas"
        return UnreadableRow(f"the line is no JSON: {reason}", text)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value")


def _read_source(path: Path) -> Sequence[Json | UnreadableRow]:
    """The rows of a file, or the kept tasks of a run, each once and without its exam."""
    if path.is_file():
        return [row for _, row in read_lines(path)]
    with Store.read(path) as store:
        return list({t.id: t.to_json() for t, status in store.tasks() if status != EXAM_STATUS}.values())


def _compare_with_held_out(
    context: RunContext, judged: Sequence[Proposal], tests: Sequence[TestTask]
) -> list[Proposal]:
    verdicts = context.comparing_judge.compare_with_held_out([(p.task, p.verdict) for p in judged], tests)
    return [
        replace(p, verdict=verdict, task=p.task and p.task.with_diagnostics(verdict.diagnostics))
        for p, verdict in zip(judged, verdicts, strict=True)
    ]


def _write_row(row: Json | UnreadableRow) -> str:
    """A row as it was read."""
    return row.text if isinstance(row, UnreadableRow) else json.dumps(row)


def _judge_rows(
    context: RunContext, source: str, numbered: Sequence[tuple[int, Json | UnreadableRow]]
) -> list[Proposal]:
    names = list(context.environments)
    read = [_read_proposal(names, index, row) for index, row in numbered]
    for name in names:
        tasks = [(i, one.task) for i, one in enumerate(read) if one.task and one.environment == name]
        for number, verdict in context.engine.judge(name, [task for _, task in tasks]):
            i, task = tasks[number]
            named = replace(task, environment=name, provenance={"source": source, "row": read[i].index})
            read[i] = replace(read[i], task=named, verdict=verdict)
    return read


def _read_proposal(names: Sequence[str], index: int, row: Json | UnreadableRow) -> Proposal:
    """A row as a proposal that is not judged yet, or one without a task that says why it holds none.

    ``names`` are the run's environments. Where there is one, a task need not name it.
    """
    only = names[0] if len(names) == 1 else ""
    made = Proposal(index, ROUND, _refuse(Stage.PARSED, ""), raw=_write_row(row), environment=only)
    task = read_row(row)
    if isinstance(task, str):
        return replace(made, verdict=_refuse(Stage.PARSED, task))
    name = task.environment or only
    if name not in names:
        says = f"is for environment {name!r}" if name else "names no environment"
        reason = f"the task {says}, and this run works in {', '.join(map(repr, names))}"
        return replace(made, verdict=_refuse(Stage.PARSED, reason))
    return replace(made, task=task, environment=name)


def _refuse(stage: Stage, reason: str) -> Verdict:
    return Verdict(Outcome.FAILED, stage, reason, reason)
