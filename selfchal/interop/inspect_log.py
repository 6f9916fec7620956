"""Inspect's logs: the evaluation episodes of a run as EvalLog files, version 2.

Inspect View and Scout open them. A measurement of the run (before training, say, with sampled attempts) is a
log; a task is a sample, and each attempt an epoch of it.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from selfchal.api.reading import Row, RunView
from selfchal.core.errors import StoreError
from selfchal.core.world import Json
from selfchal.pipeline.manifest.stored import list_environment_names, read_run_name

VERSION = 2
_SCORE = "reward"
_NOTES = ("end", "steps", "tool_calls", "invalid_actions", "forgiven_turns")


def export_episodes(view: RunView, directory: Path) -> int:
    """Write a log for each measurement into the directory; returns how many episodes there are in them.

    Raises StoreError where the run has none, or the directory cannot be written.
    """
    measurements: dict[str, list[Row]] = defaultdict(list)
    for episode in view.episodes("evaluate"):
        measurements[episode["batch"].rpartition("/")[0]].append(episode)
    if not measurements:
        raise StoreError(f"{view.directory} has no evaluation episodes; only a run that measures has them")
    manifest = view.manifest()
    created = datetime.fromtimestamp(view.directory.stat().st_mtime, UTC).replace(microsecond=0)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, episodes in measurements.items():
            log = make_log(manifest, name, episodes, created)
            path = directory / _name_file(log)
            path.write_text(json.dumps(log), encoding="utf-8")
    except OSError as error:
        raise StoreError(f"cannot write {directory}: {error}; choose another directory") from error
    return sum(map(len, measurements.values()))


def make_log(manifest: Row, name: str, episodes: Sequence[Row], created: datetime) -> dict[str, Json]:
    """The log of one measurement, as JSON."""
    run = read_run_name(manifest)
    identity = hashlib.sha256(f"{run}/{name}/{created.isoformat()}".encode()).hexdigest()[:22]
    model = str(manifest["model"]["name"])
    judged = [episode["reward"] for episode in episodes if episode["reward"] is not None]
    tasks = list(dict.fromkeys(episode["task"] for episode in episodes))
    metrics = {"mean": {"name": "mean", "value": sum(judged) / len(judged)}} if judged else {}
    return {
        "version": VERSION,
        "status": "success",
        "eval": {
            "eval_id": identity,
            "run_id": identity,
            "task_id": identity,
            "created": created.isoformat(),
            "task": f"{run}/{name}",
            "dataset": {
                "name": ", ".join(list_environment_names(manifest)),
                "samples": len(tasks),
                "sample_ids": tasks,
                "shuffled": False,
            },
            "model": f"selfchal/{model}",
            "config": {"epochs": 1 + max(episode["sample"] for episode in episodes)},
            "metadata": {"manifest": manifest},
        },
        "plan": {"name": "agent", "steps": []},
        "results": {
            "total_samples": len(episodes),
            "completed_samples": len(judged),
            "scores": [
                {
                    "name": _SCORE,
                    "scorer": _SCORE,
                    "scored_samples": len(judged),
                    "unscored_samples": len(episodes) - len(judged),
                    "metrics": metrics,
                }
            ],
        },
        "stats": {"started_at": created.isoformat(), "completed_at": created.isoformat()},
        "samples": [_make_sample(episode, f"selfchal/{model}") for episode in episodes],
    }


def _make_sample(episode: Row, model: str) -> dict[str, Json]:
    messages = [_make_message(message) for message in episode["messages"]]
    first = next((i for i, one in enumerate(messages) if one["role"] == "assistant"), len(messages))
    replies = [message for message in messages if message["role"] == "assistant"]
    choices = [{"message": replies[-1], "stop_reason": "stop"}] if replies else []
    sample: dict[str, Json] = {
        "id": episode["task"],
        "epoch": episode["sample"] + 1,
        "input": messages[:first],
        "target": "",
        "messages": messages,
        "output": {"model": model, "choices": choices},
        "metadata": {key: episode[key] for key in _NOTES},
        "total_time": episode["seconds"],
    }
    if episode["reward"] is None:
        reason = episode["reason"] or "the episode could not be judged"
        return {**sample, "error": {"message": reason, "traceback": reason, "traceback_ansi": reason}}
    score = {
        "value": episode["reward"],
        "answer": episode["answer"],
        "explanation": episode["reason"] or None,
    }
    return {**sample, "scores": {_SCORE: score}}


def _make_message(message: Mapping[str, Json]) -> dict[str, Json]:
    return {"role": message["role"], "content": message["content"]}


def _name_file(log: Mapping[str, Json]) -> str:
    """As Inspect itself names logs, by which it finds them: the time, the task, the id."""
    task = "".join(letter if letter.isalnum() else "-" for letter in log["eval"]["task"])
    return f"{log['eval']['created'].replace(':', '-')}_{task}_{log['eval']['eval_id']}.json"
