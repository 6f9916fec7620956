"""TRL: the exported class plays and rewards tasks, and GRPOTrainer trains on it."""

from __future__ import annotations

import importlib.util
import inspect
import json
from pathlib import Path
from typing import Any

import pytest

from selfchal import open_run
from selfchal.api.opening import SandboxLike
from selfchal.core.errors import PluginError
from selfchal.core.sandbox import Sandbox
from selfchal.core.world import ToolSpec
from selfchal.interop.exporting import export_run
from selfchal.interop.python_source import write_methods, write_type
from selfchal.interop.trl import write_trl
from tests.support.runs import sound_tasks, write_run


def export_class(
    tmp_path: Path, environment: str, sandbox: SandboxLike = "process", count: int = 1
) -> tuple[Any, list[Any]]:
    """The class of the exported module, and the rows of the data set."""
    run = write_run(tmp_path / "run", {"name": environment}, sound_tasks(environment, count))
    export_run(open_run(run), write_trl, tmp_path / "out", sandbox)
    spec = importlib.util.spec_from_file_location(
        f"exported_{environment}", tmp_path / "out" / "environment.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (cls,) = (value for name, value in vars(module).items() if name.endswith("Environment"))
    return cls, [json.loads(line) for line in (tmp_path / "out" / "tasks.jsonl").read_text().splitlines()]


def play(environment: Any, row: Any, calls: Any) -> float | None:
    environment.reset(**row)
    for call in calls:
        getattr(environment, call["name"])(**call["kwargs"])
    reward: float | None = environment.get_reward()
    return reward


@pytest.mark.parametrize("name", ["retail", "calculation"])
def test_methods_play_a_task_and_the_reward_is_that_of_its_evaluate(
    name: str, tmp_path: Path, process_sandbox: Sandbox
) -> None:
    cls, (row,) = export_class(tmp_path, name, process_sandbox)
    task = json.loads(row["task"])
    environment = cls()
    assert play(environment, row, task["solution"]) == 1.0
    assert play(environment, row, []) == 0.0
    assert play(environment, row, task["failures"][0]) == 0.0
    assert play(environment, row, task["solution"]) == 1.0


def test_instances_act_in_worlds_of_their_own(tmp_path: Path, process_sandbox: Sandbox) -> None:
    cls, (row,) = export_class(tmp_path, "retail", process_sandbox)
    one, other = cls(), cls()
    other.reset(**row)
    assert play(one, row, json.loads(row["task"])["solution"]) == 1.0
    assert other.get_reward() == 0.0


def test_a_row_has_the_prompt_and_the_tools(tmp_path: Path, process_sandbox: Sandbox) -> None:
    _, (row,) = export_class(tmp_path, "retail", process_sandbox)
    assert [message["role"] for message in row["prompt"]] == ["system", "user"]
    assert row["prompt"][1]["content"] == sound_tasks("retail", 1)[0].instruction
    assert "cancel_pending_order" in [tool["function"]["name"] for tool in json.loads(row["tools"])]


@pytest.mark.torch
@pytest.mark.parametrize("name", ["retail", "airline", "calculation", "web_browsing"])
def test_every_tool_converts_with_its_parameters(name: str, tmp_path: Path, process_sandbox: Sandbox) -> None:
    transformers_utils = pytest.importorskip("transformers.utils")
    cls, (row,) = export_class(tmp_path, name, process_sandbox)
    for tool in json.loads(row["tools"]):
        read = transformers_utils.get_json_schema(getattr(cls, tool["function"]["name"]))["function"]
        wanted = tool["function"]["parameters"]
        assert list(read["parameters"]["properties"]) == list(wanted["properties"])
        assert read["parameters"].get("required", []) == wanted.get("required", [])
        for parameter, schema in wanted["properties"].items():
            assert read["parameters"]["properties"][parameter].get("enum") == schema.get("enum")


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({"type": "string"}, "str"),
        ({"enum": ["a b", 1]}, "Literal['a b', 1]"),
        ({"type": ["integer", "null"]}, "int | None"),
        (
            {"anyOf": [{"type": "number"}, {"type": "array", "items": {"type": "boolean"}}]},
            "float | list[bool]",
        ),
        ({"type": "object", "properties": {}}, "dict[str, Any]"),
        ({"type": "array"}, "list[Any]"),
        (True, "Any"),
    ],
)
def test_a_schema_becomes_a_type(schema: Any, text: str) -> None:
    assert write_type(schema) == text


def make_tool(name: str, **properties: Any) -> ToolSpec:
    parameters = {"type": "object", "properties": properties, "required": []}
    return ToolSpec(name, 'Say """this""" and \\n that.', "", parameters)


@pytest.mark.parametrize(
    "tool", [make_tool("reset"), make_tool("class"), make_tool("_x"), make_tool("a", **{"b-c": {}})]
)
def test_a_tool_that_can_be_no_method_is_named(tool: ToolSpec) -> None:
    with pytest.raises(PluginError, match=repr(tool.name)):
        write_methods([tool], frozenset(["reset"]))


def test_optional_parameters_may_be_left_out_and_words_of_a_description_break_nothing() -> None:
    source = write_methods([make_tool("a", b={"type": "integer", "description": '"""'})], frozenset())
    space: dict[str, Any] = {}
    code = compile(f"from typing import Any, Literal\nclass C:\n{source}", "x", "exec", dont_inherit=True)
    exec(code, space)
    assert str(inspect.signature(space["C"].a)) == "(self, b: int | None = None) -> str"
    assert "Say '''this''' and" in space["C"].a.__doc__
