"""Every number that a manifest may hold: one that nobody can mean ends in one sentence, and in nothing later."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, get_args, get_origin

import pytest
from pydantic import BaseModel, ConfigDict

from selfchal.core.errors import ManifestError
from selfchal.core.sandbox import Limits, Program
from selfchal.pipeline.manifest import ManifestModel
from selfchal.pipeline.manifest.parsing import LARGEST, parse_config
from selfchal.pipeline.manifest.sections import LimitsSection
from selfchal.plugins import load_plugins
from selfchal.sandbox.process.sandbox import ProcessConfig, ProcessSandbox

KINDS = ("environment", "synthesizer", "sandbox", "model", "trainer", "check", "engine", "watcher")
# What the classes demand besides.
REQUIRED: dict[str, Any] = {
    "manifest": {"model": {"name": "m"}},
    "model openai": {"base_url": "http://127.0.0.1", "model": "m"},
    "environment mcp": {
        "servers": {"mcpServers": {"notes": {"command": "true", "args": ["notes.jsonl"]}}},
        "state": {"file": "notes.jsonl"},
    },
    "model transformers": {"path": "p"},
    "model vllm": {"path": "p"},
}
HUGE: list[Any] = [10**30, -(10**30), 10**400, 10**5000, float("1e400"), -math.inf, math.nan, 1.7e308]


def _list_types(annotation: Any) -> Iterator[Any]:
    yield annotation
    for inner in get_args(annotation):
        yield from _list_types(inner)


def _list_numbers(config: type[BaseModel], path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The paths of all options that take a number, in this class and in the sections that it holds. Of a list
    of sections it is the first one that is named."""
    for name, info in config.model_fields.items():
        types = list(_list_types(info.annotation))
        where = (*path, info.alias or name)
        if int in types or float in types:
            yield where
        for inner in types:
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                is_list = get_origin(info.annotation) is tuple
                yield from _list_numbers(inner, (*where, "0") if is_list else where)


def _list_options() -> Iterator[tuple[str, type[BaseModel], tuple[str, ...], dict[str, Any]]]:
    installed = load_plugins()
    configs: dict[str, type[BaseModel]] = {"manifest": ManifestModel}
    for kind in KINDS:
        for name in installed.names(kind):
            configs[f"{kind} {name}"] = installed.find(kind, name).Config
    for name, config in configs.items():
        for path in _list_numbers(config, ()):
            yield f"{name}: {'.'.join(path)}", config, path, REQUIRED.get(name, {})


OPTIONS = list(_list_options())


def _nest(path: tuple[str, ...], value: Any) -> dict[str, Any]:
    first, *rest = path
    inner = _nest(tuple(rest), value) if rest else value
    if rest[:1] == ["0"]:
        inner = [{"name": "n", **_nest(tuple(rest[1:]), value)}]
    return {first: inner}


def test_the_options_are_found() -> None:
    names = {name for name, *_ in OPTIONS}
    assert len(names) > 100
    assert {"manifest: limits.seconds", "model transformers: lora.r", "trainer ppo: kl"} <= names


@pytest.mark.parametrize(
    ("config", "path", "required"), [one[1:] for one in OPTIONS], ids=[one[0] for one in OPTIONS]
)
def test_a_number_that_nobody_can_mean_is_refused_in_one_sentence(
    config: type[BaseModel], path: tuple[str, ...], required: dict[str, Any]
) -> None:
    for value in HUGE:
        with pytest.raises(ManifestError) as caught:
            parse_config(config, {**required, **_nest(path, value)}, "section")
        faults = str(caught.value).split("; ")
        named = [fault for fault in faults if fault.startswith(f"section.{'.'.join(path)}")]
        assert named, faults
        assert all(len(fault) < 250 and "\n" not in fault for fault in named)


class Foreign(BaseModel):
    """Options of somebody else's plugin, who thought of no bounds."""

    model_config = ConfigDict(extra="forbid")
    count: int = 1
    rate: float = 1.0
    wide: int = 1


def test_an_option_without_bounds_has_some() -> None:
    assert parse_config(Foreign, {"count": LARGEST, "rate": -1e9}, "x").count == LARGEST
    for rows in ({"count": LARGEST + 1}, {"rate": 1.1e9}, {"rate": 10**30}):
        with pytest.raises(ManifestError, match=r"a number between -10\*\*9 and 10\*\*9 is needed"):
            parse_config(Foreign, rows, "x")


def test_the_largest_limits_can_be_run_under() -> None:
    section = parse_config(LimitsSection, {"seconds": 86_400, "memory_mb": 2**24, "calls": LARGEST}, "limits")
    limits = Limits(section.seconds, section.memory_mb * 2**20, section.calls)
    config = ProcessConfig(parallel=10_000, clock=2.0**33 - 1, seed=2**63 - 1)
    with ProcessSandbox(config) as sandbox:
        execution = sandbox.run(Program("import time\nresult = int(time.time())"), None, limits)
    assert execution.ok, execution.error
    assert execution.value >= 2**33 - 1
