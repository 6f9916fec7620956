"""Hugging Face: a data set folder, ready to be uploaded: Parquet, a card, and the features that both declare.

data/train.parquet   a row a task
README.md            the card
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping
from pathlib import Path

from selfchal.core.errors import PluginError
from selfchal.core.world import Json
from selfchal.interop.exporting import Export
from selfchal.interop.messages import write_messages, write_tool_schemas
from selfchal.interop.portable import PortableTask

_TEXT: Json = {"dtype": "string", "_type": "Value"}
_TEXTS = ("id", "environment", "context", "instruction", "evaluate", "solution")
FEATURES: Mapping[str, Json] = {
    **dict.fromkeys(_TEXTS, _TEXT),
    "failures": {"feature": _TEXT, "_type": "List"},
    "prompt": {"feature": {"role": _TEXT, "content": _TEXT}, "_type": "List"},
    "tools": _TEXT,
    "task": _TEXT,
}
_CARD = """---
license: other
task_categories: [text-generation]
tags: [code-as-task, tool-use, selfchal]
size_categories: [{size}]
configs:
- config_name: default
  data_files:
  - split: train
    path: data/train.parquet
---
# {count} tasks on {name}

Code-as-Task: each task is an instruction for an agent with tools, and the code that proves it. They were kept
in the run `{run}` by running that code, and checked again when they were exported: the solution passes
`evaluate`, doing nothing and every failure case fail.

| column | |
| --- | --- |
| `id` | made of the task's content |
| `environment`, `context` | what its world is opened with; `context` is JSON |
| `instruction` | what the agent is to do |
| `prompt` | system and user message of a chat, with the rules of the environment |
| `tools` | the tools as JSON schemas, a JSON list |
| `evaluate`, `solution`, `failures` | Python; they call the tools by name |
| `task` | all of it with the recorded calls, as JSON, which `selfchal tasks reward` reads |

Worlds are opened, and episodes rewarded, with `pip install {requirements}`.
"""
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"))


def write_hugging_face(export: Export, directory: Path) -> None:
    """Write the folder. Raises PluginError where pyarrow is not installed."""
    if importlib.util.find_spec("pyarrow") is None:
        raise PluginError("Parquet needs the package pyarrow: pip install 'selfchal[parquet]'")
    from pyarrow import Table, parquet, schema

    tools = json.dumps(write_tool_schemas(export.environment))
    rows = [_make_row(export, task, tools) for task in export.tasks]
    declared = json.dumps({"info": {"features": dict(FEATURES)}})
    fields = schema(_list_fields(), metadata={"huggingface": declared})
    (directory / "data").mkdir(parents=True)
    parquet.write_table(Table.from_pylist(rows, schema=fields), directory / "data" / "train.parquet")
    card = _CARD.format(
        size=next((text for most, text in _SIZES if len(rows) < most), "100K<n<1M"),
        count=len(rows),
        name=export.environment.name,
        run=export.name,
        requirements=" ".join(export.requirements),
    )
    (directory / "README.md").write_text(card, encoding="utf-8")


def _list_fields() -> list[tuple[str, Json]]:
    """FEATURES in Arrow's types."""
    from pyarrow import list_, string, struct

    kinds = {
        "failures": list_(string()),
        "prompt": list_(struct([("role", string()), ("content", string())])),
    }
    return [(name, kinds.get(name, string())) for name in FEATURES]


def _make_row(export: Export, task: PortableTask, tools: str) -> dict[str, Json]:
    return {
        "id": task.task.id,
        "environment": export.environment.name,
        "context": json.dumps(task.task.context),
        "instruction": task.task.instruction,
        "evaluate": task.task.evaluate,
        "solution": task.task.solution,
        "failures": list(task.task.failures),
        "prompt": write_messages(export.environment, task),
        "tools": tools,
        "task": json.dumps(task.to_json()),
    }
