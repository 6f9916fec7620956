"""Names of selfchal that are not public are found wherever a file asks for them, with what to write instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from selfchal.testing.conformance.public_names import find_private_imports


def find(tmp_path: Path, source: str) -> list[str]:
    file = tmp_path / "theirs.py"
    file.write_text(source)
    return list(find_private_imports(file))


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("from selfchal.core.model import Capability", "from selfchal import Capability is"),
        ("import selfchal.core.model as m", "of selfchal.core.model these are: from selfchal import Capability"),
        ("from selfchal.core import model", "these are: from selfchal import Capability"),
        ("from selfchal import core", "imports selfchal.core, which is not public"),
        ("import selfchal\nselfchal.pipeline.run()", "imports selfchal.pipeline, which is not public"),
        ("import importlib\nimportlib.import_module('selfchal.judging.judge')", "imports selfchal.judging.judge,"),
        ("from selfchal.judging.judge import Judge", "no public name stands for it"),
        ("from selfchal.builtin_envs.tables.world import TableWorld", "from selfchal.worlds import TableWorld is"),
        ("from selfchal.builtin_models.rendering import Renderer", "from selfchal.decoding import Renderer is"),
        ("from selfchal.memory.plan import ModelPlan", "from selfchal.memory import ModelPlan is"),
        ("import selfchal.memory.plan", "from selfchal.memory import ModelPlan, NetworkShape"),
        ("def f():\n    from selfchal.builtin_trainers.optim import Optimizer", "from selfchal.on_policy import Optimizer is"),
        ("from selfchal.testing.conformance import _hidden", "which is not public"),
    ],
)  # fmt: skip
def test_each_is_told_with_line_and_file(tmp_path: Path, source: str, said: str) -> None:
    (found,) = find(tmp_path, source)
    assert found.startswith(f"line {len(source.splitlines())} of {tmp_path / 'theirs.py'} imports selfchal.")
    assert said in found


def test_public_names_are_let_through(tmp_path: Path) -> None:
    source = (
        "import selfchal, selfchal.worlds\nfrom selfchal import Task, on_policy, testing\n"
        "from selfchal.on_policy import train\nfrom selfchal.testing.conformance.game import TinyModel\n"
        "selfchal.judge, selfchal.__version__, selfchal.testing.toys\nfrom . import core\nfrom core import model\n"
    )
    assert find(tmp_path, source) == []
