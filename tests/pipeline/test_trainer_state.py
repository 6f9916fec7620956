from __future__ import annotations

import io
from collections import OrderedDict, namedtuple
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
import pytest
import torch

from selfchal.pipeline.trainer_state import find_unloadable

pytestmark = pytest.mark.torch


@dataclass
class Stand:
    step: int = 0


class Level(IntEnum):
    LOW = 1


Pair = namedtuple("Pair", "one other")

GOOD: list[Any] = [
    {
        "adamw": {
            "state": {0: {"exp_avg": torch.zeros(2)}},
            "param_groups": [{"lr": 1e-3, "betas": (0.9, 0.99)}],
        }
    },
    {"rng": torch.get_rng_state(), "names": {"a", "b"}, "best": None, "text": "x", "data": b"y", "z": 1 + 2j},
    OrderedDict(weight=torch.nn.Parameter(torch.ones(3))),
    [torch.float32, torch.Size([2])],
    7,
]
BAD: list[tuple[Any, str]] = [
    (Stand(), "state is a "),
    ({"stand": Stand()}, "state['stand'] is a "),
    ({"a": [1, {"b": (2, Stand())}]}, "state['a'][1]['b'][1] is a "),
    ({"loss": np.float64(1.0)}, "state['loss'] is a numpy.float64"),
    ({"rewards": np.zeros(2)}, "state['rewards'] is a numpy.ndarray"),
    ({"level": Level.LOW}, "state['level'] is a "),
    ({"pair": Pair(1, 2)}, "state['pair'] is a "),
    ({"f": len}, "state['f'] is a builtins.builtin_function_or_method"),
    ({Level.LOW: 1}, "a key of state is a "),
    ({"net": torch.nn.Linear(1, 1)}, "state['net'] is a torch.nn.modules.linear.Linear"),
]


def reads_back(state: Any) -> bool:
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    try:
        torch.load(file, weights_only=True)
    except Exception:  # noqa: BLE001 — torch raises its own kinds, which differ by version
        return False
    return True


@pytest.mark.parametrize("state", GOOD)
def test_what_can_be_read_back_is_let_through(state: Any) -> None:
    assert find_unloadable(state) is None
    assert reads_back(state)


@pytest.mark.parametrize(("state", "sentence"), BAD)
def test_what_cannot_be_read_back_is_named_with_its_path(state: Any, sentence: str) -> None:
    found = find_unloadable(state)
    assert found is not None
    assert found.startswith(sentence)
