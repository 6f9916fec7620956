"""Reads M3ToolEval's data as JSON: tasks.json, tools.json, travel_tables.json, web_pages.json.

Nothing of it is in this package; a user who has it names its folder (``data: PATH``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from selfchal.core.errors import EnvironmentDataError
from selfchal.core.task import TestTask
from selfchal.core.world import ToolSpec
from selfchal.text_files import read_text_file


def read(folder: Path, name: str) -> Any:
    """One JSON file of the folder. Raises EnvironmentDataError."""
    path = folder / name
    try:
        return json.loads(read_text_file(path))
    except FileNotFoundError:
        raise EnvironmentDataError(
            f"{path} does not exist. `data` must name a folder with M3ToolEval's data as JSON "
            "(tasks.json, tools.json, travel_tables.json, web_pages.json)."
        ) from None
    except (OSError, ValueError) as error:
        raise EnvironmentDataError(f"{path} cannot be read: {error}") from error


def data_directory(folder: Path) -> Path:
    """The folder itself, or its ``m3tooleval`` where it holds several benchmarks."""
    return folder / "m3tooleval" if (folder / "m3tooleval").is_dir() else folder


def rows(folder: Path, name: str, *keys: str) -> list[Mapping[str, Any]]:
    """A JSON file that is a list of objects with these keys. Raises EnvironmentDataError."""
    found = read(folder, name)
    if not isinstance(found, list):
        raise EnvironmentDataError(f"{folder / name} must be a list of objects, not {type(found).__name__}")
    for number, row in enumerate(found):
        if not isinstance(row, dict) or not all(key in row for key in keys):
            raise EnvironmentDataError(f"{folder / name}, entry {number}: an object needs {', '.join(keys)}")
    return found


def tasks(folder: Path, paper_env: str, families: tuple[str, ...]) -> list[TestTask]:
    """The original's tasks of these families; ``truth`` has the answer and, for a tuple, its type."""
    keys = ("name", "instruction", "expected", "expected_type", "family", "paper_env")
    return [
        TestTask(
            id=row["name"],
            instruction=row["instruction"],
            context={},
            truth={"answer": row["expected"], "type": row["expected_type"]},
            family=row["family"],
        )
        for row in rows(folder, "tasks.json", *keys)
        if row["paper_env"] == paper_env and row["family"] in families
    ]


def specs(folder: Path, families: tuple[str, ...], own: Mapping[str, ToolSpec]) -> tuple[ToolSpec, ...]:
    """The tools of these families as the original tells a model of them (its descriptions and call
    forms, one of them wrong); the parameters are ours, for the original has no schema."""
    described = read(folder, "tools.json")
    missing = [family for family in families if family not in described]
    if missing:
        raise EnvironmentDataError(f"{folder / 'tools.json'} does not describe {', '.join(missing)}")
    return tuple(
        ToolSpec(
            name=row["name"],
            description=row["description"],
            signature=row["signature"],
            parameters=own[row["name"]].parameters,
        )
        for family in families
        for row in described[family]
    )
