"""What a trainer logs is stored as plain numbers, whatever kind of number it was."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from selfchal.core.errors import TrainingError
from selfchal.pipeline.training import read_metrics


def test_numbers_of_numpy_are_numbers_and_those_that_are_not_finite_are_left_out() -> None:
    logged = {"loss": np.float32(0.5), "step": 3, "kl": float("nan"), "entropy": np.float64("inf")}
    assert read_metrics(1, logged) == {"loss": 0.5, "step": 3.0}


@pytest.mark.torch
def test_a_tensor_of_one_number_is_a_number() -> None:
    import torch

    assert read_metrics(1, {"loss": torch.tensor(0.5)}) == {"loss": 0.5}  # type: ignore[dict-item]  # as some do
    with pytest.raises(TrainingError, match="the metric 'loss' of update 1"):
        read_metrics(1, {"loss": torch.ones(2)})  # type: ignore[dict-item]


@pytest.mark.parametrize("value", ["0.5", "high", None, [0.5]])
def test_anything_else_is_named(value: Any) -> None:
    with pytest.raises(TrainingError, match=r"the metric 'loss' of update 7 is .*; a trainer logs numbers"):
        read_metrics(7, {"loss": value})
