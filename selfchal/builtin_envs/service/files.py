"""Finds and reads the originals' data: a checkout of tau-bench, or the same as JSON files.

A checkout has ``tau_bench/envs/<domain>/{data/*.json, tasks_*.py, wiki.md}``. The JSON layout has
``<domain>/{*.json.gz, tasks_*.json.gz, policy.md}``, in the folder itself or in ``tau-bench`` below it.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from selfchal.builtin_envs.service.task_source import tasks_from_python
from selfchal.core.errors import EnvironmentDataError
from selfchal.core.world import Json
from selfchal.text_files import read_text_file


def domain_folder(path: Path, domain: str) -> Path:
    """The folder of tau-bench's data of this domain. Raises EnvironmentDataError."""
    folders = [path / inner / domain for inner in ("tau_bench/envs", "envs", "tau-bench", "")] + [path]
    for folder in folders:
        if find(folder, "users") is not None:
            return folder
    looked = ", ".join(str(folder) for folder in folders)
    raise EnvironmentDataError(
        f"No {domain} tables of tau-bench in {path} (looked for users.json in {looked}). `data` must name "
        "a checkout of tau-bench, or a folder with its tables as JSON."
    )


def find(folder: Path, stem: str) -> Path | None:
    """The JSON file of this name, compressed or not, in the folder or in ``data`` below it."""
    names = (f"data/{stem}.json", f"{stem}.json", f"{stem}.json.gz")
    return next((folder / name for name in names if (folder / name).is_file()), None)


def read_json(path: Path) -> Json:
    """Raises EnvironmentDataError for a file that is not JSON."""
    try:
        raw = path.read_bytes()
        return json.loads(gzip.decompress(raw) if path.suffix == ".gz" else raw)
    except (OSError, ValueError, EOFError) as error:
        raise EnvironmentDataError(
            f"{path} cannot be read as JSON: {error}. Fetch the file again."
        ) from error


def read_tables(folder: Path, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Raises EnvironmentDataError for a table that is missing or no object."""
    tables = {}
    for name in names:
        path = find(folder, name)
        if path is None:
            raise EnvironmentDataError(f"The table {name}.json is missing in {folder}.")
        tables[name] = read_json(path)
        if not isinstance(tables[name], dict):
            raise EnvironmentDataError(f"{path} should hold an object of rows by key.")
    return tables


def read_policy(folder: Path) -> str:
    for name in ("wiki.md", "policy.md"):
        if (folder / name).is_file():
            return read_text_file(folder / name)
    raise EnvironmentDataError(f"The policy text is missing in {folder} (wiki.md or policy.md).")


def has_tasks(folder: Path, split: str) -> bool:
    return (folder / f"tasks_{split}.py").is_file() or find(folder, f"tasks_{split}") is not None


def read_tasks(folder: Path, split: str) -> list[dict[str, Any]]:
    """Tasks as ``{user_id, instruction, actions: [{name, kwargs}], outputs}``.

    Raises EnvironmentDataError for a file that holds no tasks.
    """
    path = find(folder, f"tasks_{split}")
    if path is None:
        return tasks_from_python(folder / f"tasks_{split}.py")
    tasks: list[dict[str, Any]] = read_json(path)
    return tasks
