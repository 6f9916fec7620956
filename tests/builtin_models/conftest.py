"""Tiny models, written once a session; one torch thread, as two collapse beside other work."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from selfchal.builtin_models.transformers_model import TransformersConfig, TransformersModel
from tests.builtin_models.tiny import write_model

Make = Callable[..., TransformersModel]


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny_path(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
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
