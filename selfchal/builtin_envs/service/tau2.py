"""Reads tau2-bench's corrected tasks and databases: a checkout, or a patch on tau-bench's tables.

A checkout has ``data/tau2/domains/<domain>/{db.json, tasks.json, split_tasks.json, policy.md}``. The JSON
layout has ``tau2-bench/<domain>/{db_patch_from_tau_bench.json, tasks.json.gz, …}`` beside ``tau-bench``.
Rewards are the final state and what must be communicated; assertions for a judging model are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfchal.builtin_envs.service import files
from selfchal.builtin_envs.service.goals import RawTask
from selfchal.core.errors import EnvironmentDataError
from selfchal.core.world import Json

PATCH = "db_patch_from_tau_bench"
MAIN_SPLIT = "base"


@dataclass(frozen=True)
class Loaded:
    tables: dict[str, dict[str, Any]]
    policy: str
    tasks: Mapping[str, Sequence[RawTask]]


def load(path: Path, domain: str, tables: Sequence[str]) -> Loaded:
    """Raises EnvironmentDataError."""
    folder = _find_folder(path, domain)
    splits = _read_splits(_read_json(folder, "split_tasks"))
    tasks = {task["id"]: _make_task(task) for task in _read_json(folder, "tasks")}
    chosen = {split: [tasks[task_id] for task_id in ids] for split, ids in splits.items()}
    return Loaded(_read_tables(path, folder, domain, tables), files.read_policy(folder), chosen)


def _find_folder(path: Path, domain: str) -> Path:
    folders = [path / inner / domain for inner in ("data/tau2/domains", "tau2-bench", "../tau2-bench", "")]
    for folder in folders:
        if files.find(folder, "split_tasks") is not None:
            return folder
    looked = ", ".join(str(folder) for folder in folders)
    raise EnvironmentDataError(
        f"No {domain} tasks of tau2-bench in {path} (looked for split_tasks.json in {looked}). With profile "
        "tau2, `data` must name a checkout of tau2-bench, or a folder with its data as JSON."
    )


def _read_json(folder: Path, stem: str) -> Json:
    path = files.find(folder, stem)
    if path is None:
        raise EnvironmentDataError(f"{stem}.json is missing in {folder}.")
    return files.read_json(path)


def _read_splits(splits: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """The main split first: it is what an evaluation takes when it names none."""
    return {name: splits[name] for name in sorted(splits, key=lambda name: (name != MAIN_SPLIT, name))}


def _read_tables(path: Path, folder: Path, domain: str, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    if files.find(folder, "db") is not None:
        return {name: _read_json(folder, "db")[name] for name in names}
    parent = folder.parent.parent if folder.parent.name == "tau2-bench" else path
    tables = files.read_tables(files.domain_folder(parent, domain), names)
    for operation in _read_json(folder, PATCH):
        _apply(tables, operation)
    for user_id, user in tables["users"].items():
        user["user_id"] = user_id
    return tables


def _apply(tables: dict[str, Any], operation: Mapping[str, Json]) -> None:
    """One operation of a JSON Patch (RFC 6902): add, remove or replace."""
    *parents, last = (part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:])
    parent: Any = tables
    for part in parents:
        parent = parent[int(part) if isinstance(parent, list) else part]
    key = last if isinstance(parent, dict) else len(parent) if last == "-" else int(last)
    if operation["op"] == "remove":
        del parent[key]
    elif operation["op"] == "add" and isinstance(parent, list):
        parent.insert(key, operation["value"])
    else:
        parent[key] = operation["value"]


def _make_task(task: Mapping[str, Json]) -> RawTask:
    criteria = task["evaluation_criteria"]
    actions = criteria["actions"] or []
    return {
        "index": task["id"],
        "instruction": _write_instruction(task["user_scenario"]),
        "actions": [{"name": action["name"], "kwargs": action["arguments"]} for action in actions],
        "outputs": criteria.get("communicate_info") or [],
    }


def _write_instruction(scenario: Mapping[str, Json]) -> str:
    told = scenario["instructions"]
    parts = [told["known_info"], told["reason_for_call"], told["unknown_info"], told["task_instructions"]]
    return "\n".join(part for part in [scenario.get("persona"), *parts] if part)
