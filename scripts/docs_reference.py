"""Writes docs/reference/metrics.md and docs/reference/store.md out of the code. Used by write_docs.py.

Names, columns, fields and values are the program's own; what they mean stands here. A name of the program
without a meaning, or a meaning without a name, ends with SystemExit.
"""

from __future__ import annotations

import dataclasses
import re
import sqlite3
from collections.abc import Collection, Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

import yaml

from selfchal.core.episode import End, Episode
from selfchal.core.judge import Outcome, Stage, Verdict
from selfchal.core.model import Message
from selfchal.core.synthesizer import Proposal
from selfchal.core.task import Task
from selfchal.pipeline.store import SCHEMA

ROOT = Path(__file__).parents[1]
METRICS_PAGE = ROOT / "docs" / "reference" / "metrics.md"
STORE_PAGE = ROOT / "docs" / "reference" / "store.md"
MEANINGS = yaml.safe_load((Path(__file__).parent / "docs_reference.yaml").read_text(encoding="utf-8"))
CLASSES: tuple[Any, ...] = (Episode, Message, Proposal, Verdict, Task)
ENUMS: tuple[type[Enum], ...] = (End, Stage, Outcome)
_HERE = "Written by `make docs`; the names are the program's own."


def metrics_page() -> str:
    """Every metric of an update, by what it is about."""
    rooms = (ROOT / "selfchal" / name for name in ("builtin_trainers", "builtin_models", "pipeline"))
    source = "".join(path.read_text("utf-8") for room in rooms for path in room.rglob("*.py"))
    named = {name for group in MEANINGS["metrics"].values() for name in group}
    refuse("metrics of an update", {name for name in named if f'"{name}"' in source}, named)
    parts = [MEANINGS["metrics_head"], _HERE, ""]
    for heading, group in MEANINGS["metrics"].items():
        parts += [
            f"## {heading}",
            "",
            *_write_table(("metric", "unit", "what it says"), _split_units(group)),
            "",
        ]
    return "\n".join([*parts, MEANINGS["metrics_foot"]])


def store_page() -> str:
    """What stands in results.json and in the store."""
    results = [(f"`{path}`", text) for path, text in MEANINGS["results"].items()]
    parts = [MEANINGS["store_head"], _HERE, "", "## results.json", "", MEANINGS["results_head"]]
    parts += [*_write_table(("key", "what it is"), results), "", MEANINGS["tables_head"]]
    for table, columns in list_tables().items():
        meanings = MEANINGS["tables"][table]
        refuse(f"columns of {table}", columns, meanings)
        rows = [(f"`{name}`", kind, meanings[name]) for name, kind in columns.items()]
        parts += [f"### {table}", "", *_write_table(("column", "type", "what it is"), rows), ""]
    parts += [MEANINGS["bodies_head"]]
    for cls in CLASSES:
        names = [field.name for field in dataclasses.fields(cls)]
        parts += _describe(cls.__name__, names, ("field", "what it is"))
    for enum in ENUMS:
        parts += _describe(enum.__name__, [str(member.value) for member in enum], ("value", "what it means"))
    return "\n".join(parts).rstrip() + "\n"


def list_tables() -> dict[str, dict[str, str]]:
    """The store's tables: type of each column by name."""
    with sqlite3.connect(":memory:") as database:
        database.executescript(SCHEMA)
        names = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type='table'")]
        return {
            name: {row[1]: row[2].lower() for row in database.execute(f"PRAGMA table_info({name})")}
            for name in names
        }


def list_undescribed(results: Mapping[str, Any]) -> list[str]:
    """The keys of a results.json, as paths, that the page does not have."""
    patterns = [re.escape(path).replace("\\*", "[^.]+").replace("…", ".*") for path in MEANINGS["results"]]
    known = re.compile("|".join(f"(?:{pattern})" for pattern in patterns))
    return [path for path in _list_paths(results) if not known.fullmatch(path)]


def _list_paths(value: Any, path: str = "") -> Iterator[str]:
    if not isinstance(value, dict) or not value:
        yield path
        return
    for key, inner in value.items():
        yield from _list_paths(inner, f"{path}.{key}" if path else str(key))


def refuse(what: str, real: Collection[str], described: Collection[str]) -> None:
    """Raises SystemExit where a name has no meaning, or a meaning no name."""
    if wrong := sorted(set(real) ^ set(described)):
        raise SystemExit(f"{what}: describe or remove in scripts/docs_reference.yaml: {', '.join(wrong)}")


def _describe(name: str, real: Collection[str], head: tuple[str, str]) -> list[str]:
    meanings = MEANINGS["parts"][name]
    refuse(name, real, meanings)
    return [f"### {name}", "", *_write_table(head, [(f"`{part}`", meanings[part]) for part in real]), ""]


def _split_units(group: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    for name, text in group.items():
        unit, _, meaning = text.partition("; ")
        yield f"`{name}`", unit, meaning


def _write_table(head: tuple[str, ...], rows: Any) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]
