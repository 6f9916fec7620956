"""Writes a run's tasks and training episodes in the forms that other programs read."""

from __future__ import annotations

import importlib.util
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from selfchal.api.opening import using_environment
from selfchal.api.reading import Row, RunView
from selfchal.core.errors import StoreError
from selfchal.core.world import Json
from selfchal.pipeline.manifest.stored import list_environment_names, list_environment_sections, read_run_name
from selfchal.pipeline.test_sets import EXAM_STATUS
from selfchal.rollout.agent import first_messages, system_prompt

Rows = Iterable[Row]
CARD = """---
license: other
tags: [code-as-task, selfchal]
---
# Tasks of the run {name}

{count} tasks on the environment `{environment}`, {origin} and kept by running their
code: each solution passes its `evaluate`, each failure case fails, doing nothing fails.
Columns: `id`, `environment`, `context`, `instruction`, `evaluate`, `solution`, `failures`, `diagnostics`,
`provenance`, `status`. `context`, `diagnostics` and `provenance` are JSON text.
"""


def task_rows(view: RunView) -> Iterator[Row]:
    """Every kept task once, with its status in the last round that saw it. The tasks of an exam are left out:
    whoever trains on these rows must not see them."""
    rows = [row for row in view.tasks() if row["status"] != EXAM_STATUS]
    last = {row["id"]: {key: value for key, value in row.items() if key != "round"} for row in rows}
    yield from last.values()


def exam_rows(view: RunView) -> Iterator[Row]:
    """The tasks of the exam."""
    for row in view.tasks():
        if row["status"] == EXAM_STATUS:
            yield {key: value for key, value in row.items() if key != "round"}


def prompt_rows(view: RunView) -> Iterator[Row]:
    """TRL's prompt-only form, for a trainer that rolls out by itself: what an agent reads before its first
    turn, beside the task. Needs no episode, so a run that only made tasks has them too."""
    manifest = view.manifest()
    rollout = manifest["rollout"]
    for section in list_environment_sections(manifest):
        with using_environment(section) as environment:
            system = system_prompt(environment, rollout["max_steps"], rollout["action_format"])
            for row in task_rows(view):
                if row["environment"] != environment.name:
                    continue
                user = environment.user(row["instruction"], row["context"], None)
                said = user.open() if user else row["instruction"]
                messages = first_messages(system, said, environment.initial_observation(row["context"]))
                yield {"prompt": [{"role": one.role, "content": one.content} for one in messages], **row}


def messages_rows(view: RunView) -> Iterator[Row]:
    """TRL's conversational form: every solved training episode as one conversation."""
    for episode in view.episodes("train"):
        if episode["reward"] == 1.0:
            yield {"messages": episode["messages"]}


def sft_rows(view: RunView) -> Iterator[Row]:
    """TRL's prompt-completion form: what was said before the agent's first turn, and all that followed."""
    for episode in view.episodes("train"):
        if episode["reward"] == 1.0:
            prompt, completion = _split_messages(episode)
            yield {"prompt": prompt, "completion": completion}


def dpo_rows(view: RunView) -> Iterator[Row]:
    """TRL's preference form: each solved episode with one failed episode of its task."""
    solved: dict[str, list[Row]] = defaultdict(list)
    failed: dict[str, list[Row]] = defaultdict(list)
    for episode in view.episodes("train"):
        if episode["reward"] is not None:
            (solved if episode["reward"] == 1.0 else failed)[episode["task"]].append(episode)
    for task, winners in solved.items():
        for winner, loser in zip(winners, failed[task], strict=False):
            prompt, chosen = _split_messages(winner)
            yield {"prompt": prompt, "chosen": chosen, "rejected": _split_messages(loser)[1]}


def _split_messages(episode: Row) -> tuple[list[Json], list[Json]]:
    messages = episode["messages"]
    first = next((i for i, m in enumerate(messages) if m["role"] == "assistant"), len(messages))
    return messages[:first], messages[first:]


def _write_jsonl(rows: Rows, view: RunView, out: Path) -> int:
    lines = [json.dumps(row) + "\n" for row in rows]
    out.write_text("".join(lines), encoding="utf-8")
    return len(lines)


def _write_parquet(rows: Rows, view: RunView, out: Path) -> int:
    if importlib.util.find_spec("pyarrow") is None:
        raise StoreError("Parquet needs the package pyarrow: pip install 'selfchal[parquet]'")
    from pyarrow import Table, parquet

    flat = [
        {**row, **{key: json.dumps(row[key]) for key in ("context", "diagnostics", "provenance")}}
        for row in rows
    ]
    out.mkdir(parents=True, exist_ok=True)
    parquet.write_table(Table.from_pylist(flat), out / "tasks.parquet")
    manifest = view.manifest()
    card = CARD.format(
        name=read_run_name(manifest),
        count=len(flat),
        environment=", ".join(list_environment_names(manifest)),
        origin=describe_origin(manifest),
    )
    (out / "README.md").write_text(card, encoding="utf-8")
    return len(flat)


def describe_origin(manifest: Row) -> str:
    """Where a run's tasks come from: a file or another run, a model that proposed them, or both."""
    origins = [f"taken from `{manifest['tasks']['from']}`"] if "tasks" in manifest else []
    if "synthesizer" in manifest:
        challenger = manifest["challenger" if "challenger" in manifest else "model"]
        origins.append(f"proposed by the model `{challenger['name']}`")
    return " or ".join(origins)


Writer = Callable[[Rows, RunView, Path], int]
FORMATS: Mapping[str, tuple[Callable[[RunView], Rows], Writer]] = {
    "jsonl": (task_rows, _write_jsonl),
    "exam": (exam_rows, _write_jsonl),
    "parquet": (task_rows, _write_parquet),
    "prompts": (prompt_rows, _write_jsonl),
    "messages": (messages_rows, _write_jsonl),
    "sft": (sft_rows, _write_jsonl),
    "dpo": (dpo_rows, _write_jsonl),
}


def export_tasks(view: RunView, form: str, out: Path) -> int:
    """Write the run in one of FORMATS; returns the number of rows. Raises StoreError."""
    rows, write = FORMATS[form]
    try:
        return write(rows(view), view, out)
    except OSError as error:
        raise StoreError(f"cannot write {out}: {error}; choose another place with --out") from error
