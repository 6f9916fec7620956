"""The optimiser's side of every trainer here: AdamW, its rate, the clipped step, and what to resume from."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from selfchal.core.errors import TrainingError

Reference = Callable[[], AbstractContextManager[nn.Module]]


class Optimisation(Protocol):
    """The options of a trainer that concern the step; see ``GrpoConfig`` for their meaning."""

    steps: int
    learning_rate: float
    schedule: Any
    warmup_steps: int
    weight_decay: float
    max_grad_norm: float


def rate(options: Optimisation, step: int) -> float:
    """The share of the peak rate at update ``step`` (from 1): warm-up, then the schedule."""
    if step <= options.warmup_steps:
        return step / options.warmup_steps
    if options.schedule == "constant":
        return 1.0
    done = (step - 1 - options.warmup_steps) / max(options.steps - options.warmup_steps, 1)
    return 1.0 - done if options.schedule == "linear" else 0.5 * (1 + math.cos(math.pi * done))


def adamw(network: nn.Module, options: Optimisation) -> torch.optim.AdamW:
    trainable = [parameter for parameter in network.parameters() if parameter.requires_grad]
    groups = [{"params": trainable, "peak": options.learning_rate}]
    return torch.optim.AdamW(groups, lr=options.learning_rate, weight_decay=options.weight_decay)


def clip_and_step(optimizer: torch.optim.AdamW, options: Optimisation, step: int) -> float:
    """One optimiser step with the rate of update ``step``; the norm that the policy's gradient had.

    Each parameter group (policy, critic) is clipped on its own, so that neither can starve the other.
    Raises TrainingError where a gradient is not finite, before any weight is touched.
    """
    norms = []
    for group in optimizer.param_groups:
        norms.append(float(torch.nn.utils.clip_grad_norm_(group["params"], options.max_grad_norm)))
        group["lr"] = group["peak"] * rate(options, step)
    if not all(map(math.isfinite, norms)):
        raise TrainingError(
            f"the gradient of update {step} is not finite; lower learning_rate, or use precision: float32"
        )
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return norms[0]


def trainable_copy(network: nn.Module) -> dict[str, Tensor]:
    """The trainable weights, on the CPU."""
    return {
        name: parameter.detach().to("cpu", copy=True)
        for name, parameter in network.named_parameters()
        if parameter.requires_grad
    }


def put_back(network: nn.Module, weights: dict[str, Tensor]) -> None:
    parameters = dict(network.named_parameters())
    with torch.no_grad():
        for name, value in weights.items():
            parameters[name].copy_(value)


def frozen_reference(network: nn.Module) -> Reference:
    """Opens the policy as it is now, however long training goes on: a copy of it.

    With a LoRA adapter it costs nothing: the same network with the adapter off, the model's base.
    """
    if is_adapted(network):
        return lambda: _without_adapter(network)
    frozen = copy.deepcopy(network).requires_grad_(False).eval()
    return lambda: nullcontext(frozen)


def is_adapted(network: nn.Module) -> bool:
    from transformers.utils import is_peft_available

    if not is_peft_available():
        return False
    from peft import PeftModel

    return isinstance(network, PeftModel)


@contextmanager
def _without_adapter(network: Any) -> Iterator[nn.Module]:
    with network.disable_adapter():
        yield network
