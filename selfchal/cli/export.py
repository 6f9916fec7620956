"""Writes a run's tasks and training episodes in the forms that other programs read."""

from __future__ import annotations

import importlib.util
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from selfchal.core.episode import Episode
from selfchal.core.errors import StoreError
from selfchal.core.world import Json
from selfchal.pipeline.store import Store

Rows = Iterable[dict[str, Json]]
CARD = """---
license: other
tags: [code-as-task, selfchal]
---
# Tasks of the run {name}

{count} tasks on the environment `{environment}`, proposed by the model `{model}` and kept by running their
code: each solution passes its `evaluate`, each failure case fails, doing nothing fails.
Columns: `id`, `environment`, `context`, `instruction`, `evaluate`, `solution`, `failures`, `diagnostics`,
`provenance`, `status`. `context`, `diagnostics` and `provenance` are JSON text.
"""


def task_rows(store: Store) -> Iterator[dict[str, Json]]:
    """Every kept task once, with its status in the last round that saw it."""
    last = {task.id: {**task.to_json(), "status": status} for task, status in store.tasks()}
    yield from last.values()


def messages_rows(store: Store) -> Iterator[dict[str, Json]]:
    """TRL's conversational form: every solved training episode as one conversation."""
    for episode in store.episodes("train"):
        if episode.reward == 1.0:
            prompt, completion = _make_parts(episode)
            yield {"messages": [*prompt, *completion]}


def sft_rows(store: Store) -> Iterator[dict[str, Json]]:
    """TRL's prompt-completion form: what was said before the agent's first turn, and all that followed."""
    for episode in store.episodes("train"):
        if episode.reward == 1.0:
            prompt, completion = _make_parts(episode)
            yield {"prompt": prompt, "completion": completion}


def dpo_rows(store: Store) -> Iterator[dict[str, Json]]:
    """TRL's preference form: each solved episode with one failed episode of its task."""
    solved: dict[str, list[Episode]] = defaultdict(list)
    failed: dict[str, list[Episode]] = defaultdict(list)
    for episode in store.episodes("train"):
        if episode.reward is not None:
            (solved if episode.reward == 1.0 else failed)[episode.task].append(episode)
    for task, winners in solved.items():
        for winner, loser in zip(winners, failed[task], strict=False):
            prompt, chosen = _make_parts(winner)
            yield {"prompt": prompt, "chosen": chosen, "rejected": _make_parts(loser)[1]}


def _make_parts(episode: Episode) -> tuple[list[Json], list[Json]]:
    messages = [{"role": message.role, "content": message.content} for message in episode.messages]
    first = next((i for i, m in enumerate(messages) if m["role"] == "assistant"), len(messages))
    return messages[:first], messages[first:]


def _write_jsonl(rows: Rows, store: Store, out: Path) -> int:
    lines = [json.dumps(row) + "\n" for row in rows]
    out.write_text("".join(lines), encoding="utf-8")
    return len(lines)


def _write_parquet(rows: Rows, store: Store, out: Path) -> int:
    if importlib.util.find_spec("datasets") is None:
        raise StoreError("Parquet needs the package datasets: pip install 'selfchal[trl]'")
    from datasets import Dataset

    flat = [
        {**row, **{key: json.dumps(row[key]) for key in ("context", "diagnostics", "provenance")}}
        for row in rows
    ]
    out.mkdir(parents=True, exist_ok=True)
    Dataset.from_list(flat).to_parquet(str(out / "tasks.parquet"))
    manifest = store.manifest()
    names = {key: manifest[key]["name"] for key in ("environment", "model")}
    card = CARD.format(name=manifest["run"]["name"], count=len(flat), **names)
    (out / "README.md").write_text(card, encoding="utf-8")
    return len(flat)


Writer = Callable[[Rows, Store, Path], int]
FORMATS: Mapping[str, tuple[Callable[[Store], Rows], Writer]] = {
    "jsonl": (task_rows, _write_jsonl),
    "parquet": (task_rows, _write_parquet),
    "messages": (messages_rows, _write_jsonl),
    "sft": (sft_rows, _write_jsonl),
    "dpo": (dpo_rows, _write_jsonl),
}


def export_tasks(store: Store, form: str, out: Path) -> int:
    """Write the run in one of FORMATS; returns the number of rows. Raises StoreError."""
    rows, write = FORMATS[form]
    try:
        return write(rows(store), store, out)
    except OSError as error:
        raise StoreError(f"cannot write {out}: {error}; choose another place with --out") from error
