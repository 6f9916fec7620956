"""Tiny models, written once a session; one torch thread, as two collapse beside other work.

The tests of endpoints run without torch, so nothing here imports it at the top.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from selfchal.builtin_models.config import TransformersConfig
from selfchal.builtin_models.transformers_model import TransformersModel

EXAMPLE = Path(__file__).parents[2] / "examples" / "openai_server.py"
Make = Callable[..., TransformersModel]


@cache
def example_server() -> Any:
    """The module ``examples/openai_server.py``."""
    spec = importlib.util.spec_from_file_location("openai_server", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    if torch := sys.modules.get("torch"):  # imported by a test file, where any of them needs it
        torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny_path(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    from tests.builtin_models.tiny import write_model

    made: dict[str, Path] = {}

    def path(kind: str) -> Path:
        if kind not in made:
            made[kind] = write_model(tmp_path_factory.mktemp(kind), kind)
        return made[kind]

    return path


@pytest.fixture(scope="session")
def make_model(tiny_path: Callable[[str], Path]) -> Make:
    def make(kind: str = "lfm2", **options: object) -> TransformersModel:
        return TransformersModel(TransformersConfig.model_validate({"path": str(tiny_path(kind)), **options}))

    return make
