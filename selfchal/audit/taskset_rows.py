"""The tasks of a taskset as far as they stand in its files: rows of JSON, and literals in its code."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from selfchal.core.world import Json

_PROMPTS = ("prompt", "question", "instruction", "problem")
_ANSWERS = ("answer", "expected", "target", "solution", "ground_truth")
_NAMES = ("id", "idx", "task_id", "name")
_MOST_ROWS = 100_000


@dataclass(frozen=True)
class TasksetRow:
    """One task: what is asked, and the answer where one is written (else None)."""

    id: str
    prompt: str
    answer: str | None
    fault: str = ""  # why it cannot be read
    broken: bool = False  # it is no JSON; otherwise it may be meant as something else than a task


def list_rows(texts: Mapping[str, str], trees: Sequence[ast.Module]) -> list[TasksetRow]:
    """The tasks of the data files; where there are none, those that stand in the code. A row that cannot be
    read among others that are tasks is a task with a fault."""
    found = [row for name, text in texts.items() for row in _list_data_rows(name, text)]
    found = (found or [_read_row(row) for row in _list_literal_rows(trees)])[:_MOST_ROWS]
    return [replace(row, id=row.id or str(number)) for number, row in enumerate(found)]


def list_broken(texts: Mapping[str, str]) -> list[str]:
    """The names of files that are called JSON and are none."""
    return [
        name
        for name, text in texts.items()
        if name.endswith((".json", ".jsonl")) and any(map(_is_broken, _parse_values(name, text)))
    ]


def _list_data_rows(name: str, text: str) -> list[TasksetRow]:
    """The rows of one file; none where no row of it asks anything."""
    values = _parse_values(name, text)
    if not any(map(_is_task, values)):
        return []
    return [
        _read_row(value)
        if isinstance(value, dict) and _is_task(value)
        else TasksetRow(f"{name[-80:]}:{number + 1}", "", None, _explain_row(value), _is_broken(value))
        for number, value in enumerate(values)
    ]


def _parse_values(name: str, text: str) -> list[Json | ValueError | RecursionError]:
    """The rows of a file, and for each that is no JSON the error."""
    if name.endswith(".jsonl"):
        return [_parse(line) for line in text.split("\n") if line.strip()]
    value = _parse(text) if name.endswith(".json") else None
    return value if isinstance(value, list) else [value]


def _parse(text: str) -> Json | ValueError | RecursionError:
    try:
        return json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError) as error:
        return error


def _is_task(value: object) -> bool:
    return isinstance(value, dict) and _find(value, _PROMPTS) is not None


def _is_broken(value: object) -> bool:
    return isinstance(value, ValueError | RecursionError)


def _explain_row(value: Json | ValueError | RecursionError) -> str:
    if _is_broken(value):
        return f"This row is no JSON: {str(value)[:200]}."
    return f"This row has none of {', '.join(_PROMPTS)}, as others of its file do."


def _list_literal_rows(trees: Sequence[ast.Module]) -> Iterator[Mapping[str, Json]]:
    """Objects, and calls with keywords, that say a prompt."""
    for node in (node for tree in trees for node in ast.walk(tree)):
        pairs: list[tuple[Json, ast.expr]] = []
        if isinstance(node, ast.Call):
            pairs = [(word.arg, word.value) for word in node.keywords]
        elif isinstance(node, ast.Dict):
            pairs = [
                (key.value, value)
                for key, value in zip(node.keys, node.values, strict=True)
                if isinstance(key, ast.Constant)
            ]
        row = {key: value.value for key, value in pairs if isinstance(value, ast.Constant)}
        if isinstance(_find(row, _PROMPTS), str):
            yield row


def _read_row(row: Mapping[str, Json]) -> TasksetRow:
    """Without an id of its own it goes by its place among all rows, which is not known here."""
    name, prompt, answer = (_find(row, keys) for keys in (_NAMES, _PROMPTS, _ANSWERS))
    said = None if answer is None else _write(answer)
    return TasksetRow("" if name is None else str(name), _write(prompt), said)


def _find(row: Mapping[str, Json], keys: Sequence[str]) -> Json:
    said = [row[key] for key in keys if row.get(key) is not None]
    return next((value for value in said if value != ""), said[0] if said else None)


def _write(value: Json) -> str:
    """A text as it is; of a conversation the texts of its messages."""
    if isinstance(value, list) and all(isinstance(one, dict) for one in value):
        return "\n".join(str(one.get("content", "")) for one in value)
    return value if isinstance(value, str) else json.dumps(value)
