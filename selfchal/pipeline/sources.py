"""Tasks that are there already (``tasks: {from: …}``): read, judged like proposals, kept or refused.

They are stored as the proposals of round 0, so funnel, lists and report tell of them as of any other. Those
that the judge keeps take part in every round. Near-duplicates among them stay, for in a set of somebody's
own they may be meant; a neighbour of a held-out task is refused.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

from selfchal.core.errors import ManifestError, StoreError
from selfchal.core.judge import Outcome, Stage, Verdict
from selfchal.core.synthesizer import Proposal
from selfchal.core.task import Task, TestTask
from selfchal.core.world import Json
from selfchal.judging.rows import read_row
from selfchal.pipeline.context import EnvironmentContext, RunContext
from selfchal.pipeline.evaluation import held_out
from selfchal.pipeline.outcomes import count_outcomes
from selfchal.pipeline.store import Store

ROUND = 0
BATCH = 64  # rows stored at once: what a kill can cost
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
    known = {"rows": len(rows), "sha256": hashlib.sha256(json.dumps(rows).encode()).hexdigest()}
    if read and read != known:
        raise StoreError(
            f"{section.source} has changed since this run began to judge its tasks; begin a new run"
        )
    context.store.put_fact(READ, known)
    tests = held_out(context)
    with (
        context.watch.stage("judge tasks", len(rows), "tasks"),
        ThreadPoolExecutor(2 * (os.cpu_count() or 1), thread_name_prefix="judge") as pool,
    ):
        for start in range(len(done), len(rows), BATCH):
            numbered = enumerate(rows[start : start + BATCH], start=start)
            judged = list(pool.map(partial(_judge_row, context.sole, str(section.source)), numbered))
            judged = _compare_with_held_out(context, judged, tests)
            context.store.put_proposals(ROUND, f"{ROUND}/{start:06d}", judged, [], purpose="source")
            context.watch.proposals_judged(judged)
            done += judged
            context.watch.progress(len(done), count_outcomes(done))


def read_rows(path: Path) -> list[Json]:
    """A file's rows, one JSON value a line; a line that is no JSON stays text. Raises ManifestError."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ManifestError(f"cannot read {path}: {error}") from error
    return [_parse_row(line) for line in lines if line.strip()]


def _parse_row(line: str) -> Json:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return line


def _read_source(path: Path) -> Sequence[Json]:
    """The rows of a file, or the kept tasks of a run, each once."""
    if path.is_file():
        return read_rows(path)
    with Store.read(path) as store:
        return list({task.id: task.to_json() for task, _ in store.tasks()}.values())


def _compare_with_held_out(
    context: RunContext, judged: Sequence[Proposal], tests: Sequence[TestTask]
) -> list[Proposal]:
    verdicts = context.sole.judge.compare_with_held_out([(p.task, p.verdict) for p in judged], tests)
    return [
        replace(p, verdict=verdict, task=p.task and p.task.with_audit(verdict.diagnostics))
        for p, verdict in zip(judged, verdicts, strict=True)
    ]


def _judge_row(of: EnvironmentContext, source: str, numbered: tuple[int, Json]) -> Proposal:
    index, row = numbered
    name = of.environment.name
    made = Proposal(index, ROUND, _refuse(Stage.PARSED, ""), raw=json.dumps(row), environment=name)
    task = read_row(row)
    if isinstance(task, str):
        return replace(made, verdict=_refuse(Stage.PARSED, task))
    if task.environment not in ("", name):
        reason = f"the task is for environment {task.environment!r}, and this run works in {name!r}"
        return replace(made, verdict=_refuse(Stage.PARSED, reason))
    verdict = of.judge(task)
    task = replace(task, environment=name, provenance={"source": source, "row": index})
    return replace(made, task=task, verdict=verdict)


def _refuse(stage: Stage, reason: str) -> Verdict:
    return Verdict(Outcome.FAILED, stage, reason, reason)
