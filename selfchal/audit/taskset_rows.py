"""The tasks of a taskset as far as they stand in its files: rows of JSON, and literals in its code."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

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


def list_rows(texts: Mapping[str, str], trees: Sequence[ast.Module]) -> list[TasksetRow]:
    """The tasks of the data files; where there are none, those that stand in the code."""
    found = list(_list_data_rows(texts)) or list(_list_literal_rows(trees))
    return [_read_row(row, number) for number, row in enumerate(found[:_MOST_ROWS])]


def _list_data_rows(texts: Mapping[str, str]) -> Iterator[Mapping[str, Json]]:
    for name, text in texts.items():
        values: list[Json] = []
        try:
            if name.endswith(".jsonl"):
                values = [json.loads(line) for line in text.splitlines() if line.strip()]
            elif name.endswith(".json"):
                value = json.loads(text)
                values = value if isinstance(value, list) else []
        except (ValueError, RecursionError):
            continue  # a file of something else
        yield from (
            value for value in values if isinstance(value, dict) and _find(value, _PROMPTS) is not None
        )


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


def _read_row(row: Mapping[str, Json], number: int) -> TasksetRow:
    name, prompt, answer = (_find(row, keys) for keys in (_NAMES, _PROMPTS, _ANSWERS))
    said = None if answer is None else _write(answer)
    return TasksetRow(str(number if name is None else name), _write(prompt), said)


def _find(row: Mapping[str, Json], keys: Sequence[str]) -> Json:
    return next((row[key] for key in keys if row.get(key) is not None), None)


def _write(value: Json) -> str:
    """A text as it is; of a conversation the texts of its messages."""
    if isinstance(value, list) and all(isinstance(one, dict) for one in value):
        return "\n".join(str(one.get("content", "")) for one in value)
    return value if isinstance(value, str) else json.dumps(value)
