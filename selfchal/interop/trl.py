"""TRL: an ``environment_factory`` for GRPOTrainer, and the tasks as its data set.

    environment.py   a class whose methods are the tools; reset opens a task's world, get_reward judges it
    tasks.jsonl      a row a task: prompt, tools (JSON schemas as text), task (what reset reads), id
    README.md        how to train with both

The tools are written out as source, since TRL reads them off typed methods with Google docstrings.
"""

from __future__ import annotations

import json
from pathlib import Path

import selfchal
from selfchal.interop.exporting import Export, write_files
from selfchal.interop.messages import write_messages, write_tool_schemas
from selfchal.interop.python_source import DROP_MISSING, write_methods
from selfchal.serving.session import list_tools

_RESERVED = frozenset(["reset", "get_reward"])
_MODULE = '''"""{name} for TRL's GRPOTrainer: an episode an instance. Written by selfchal {version}."""

import json
from typing import Any, Literal

from selfchal.interop.playing import EpisodePlayer
from selfchal.interop.portable import PortableTask


class {cls}:
    """Pass this class as environment_factory. The public methods are the tools."""

    def __init__(self) -> None:
        self._player = EpisodePlayer()

    def reset(self, task: str, **row: Any) -> None:
        """Open a fresh world for the task of a row of tasks.jsonl."""
        self._player.reset(PortableTask.from_json(json.loads(task)))

    def get_reward(self) -> float | None:
        """1 where the task is solved, else 0; None, which TRL leaves out, where the sandbox failed."""
        return self._player.reward().value

{methods}


{drop_missing}'''
_README = """# {count} tasks on {name}, for TRL

```
pip install {requirements}
```

```python
from datasets import load_dataset
from trl import GRPOConfig, GRPOTrainer

from environment import {cls}

trainer = GRPOTrainer(
    model="Qwen/Qwen3-0.6B",
    args=GRPOConfig(output_dir="out"),
    train_dataset=load_dataset("json", data_files="tasks.jsonl", split="train"),
    environment_factory={cls},
)
trainer.train()
```
"""


def write_trl(export: Export, directory: Path) -> None:
    """Write the module, the data set and how to use them."""
    name = export.environment.name
    cls = f"{export.class_name}Environment"
    methods = write_methods(list_tools(export.environment), _RESERVED)
    module = _MODULE.format(
        name=name, cls=cls, methods=methods, drop_missing=DROP_MISSING, version=selfchal.__version__
    )
    tools = json.dumps(write_tool_schemas(export.environment))
    rows = [
        {
            "id": task.task.id,
            "prompt": write_messages(export.environment, task),
            "tools": tools,
            "task": json.dumps(task.to_json()),
        }
        for task in export.tasks
    ]
    readme = _README.format(
        count=len(rows), name=name, cls=cls, requirements=" ".join([*export.requirements, "'trl>=1.16'"])
    )
    tasks = "".join(json.dumps(row) + "\n" for row in rows)
    write_files(directory, {"environment.py": module, "tasks.jsonl": tasks, "README.md": readme})
