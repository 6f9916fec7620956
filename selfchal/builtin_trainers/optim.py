"""The optimiser's side of every trainer here: AdamW, its rate, the clipped step, and what to resume from."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from selfchal.builtin_trainers.parallel import Team, like, sharded_copy, whole, whole_weights
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


def rate_fraction(options: Optimisation, step: int) -> float:
    """The share of the peak rate at update ``step`` (from 1): warm-up, then the schedule."""
    if step <= options.warmup_steps:
        return step / options.warmup_steps
    if options.schedule == "constant":
        return 1.0
    done = (step - 1 - options.warmup_steps) / max(options.steps - options.warmup_steps, 1)
    return 1.0 - done if options.schedule == "linear" else 0.5 * (1 + math.cos(math.pi * done))


class Optimizer:
    """AdamW over the network's trainable weights, alone or with a team.

    Weights of less than float32 have float32 masters that the steps are made on: at a rate of 1e-6
    hardly any step is large enough to move a bfloat16 weight. ``network`` is what to compute the loss
    with: the model's own, or with ``shard`` this process's part of a sharded copy.
    """

    def __init__(self, network: nn.Module, options: Optimisation, team: Team, *, shard: bool = False) -> None:
        self.rolls_out, self.options, self.team = network, options, team
        self.sharded = shard and team.size > 1
        self.network = sharded_copy(network) if self.sharded else network
        self.masters: list[tuple[Tensor, Tensor]] = []
        weights = [self._make_master(p) for p in self.network.parameters() if p.requires_grad]
        groups = [{"params": weights, "peak": options.learning_rate}]
        self.adamw = torch.optim.AdamW(groups, lr=options.learning_rate, weight_decay=options.weight_decay)
        self.whole_state = team.together(self._gather_state)

    def _make_master(self, weight: Tensor) -> Tensor:
        if weight.dtype == torch.float32:
            return weight
        self.masters.append((weight, weight.detach().float()))
        return self.masters[-1][1]

    def add(self, module: nn.Module, learning_rate: float) -> None:
        """Train ``module`` too (a critic), with its own rate and its own clipping."""
        weights = [weight for weight in module.parameters() if weight.requires_grad]
        group = {"params": weights, "lr": learning_rate, "peak": learning_rate}
        self.adamw.add_param_group(group)

    def step(self, update: int) -> float:
        """One step on the gradients of all processes; the norm that the network's gradient had.

        Each parameter group (policy, critic) is clipped on its own, so that neither can starve the
        other. Raises TrainingError where a gradient is not finite, before any weight is touched.
        """
        self._take_gradients()
        norms = []
        for group in self.adamw.param_groups:
            norm = torch.nn.utils.clip_grad_norm_(group["params"], self.options.max_grad_norm)
            norms.append(float(norm.full_tensor() if isinstance(norm, DTensor) else norm))
            group["lr"] = group["peak"] * rate_fraction(self.options, update)
        if not all(map(math.isfinite, norms)):
            raise TrainingError(
                f"the gradient of update {update} is not finite; lower learning_rate, "
                "or use precision: float32"
            )
        self.adamw.step()
        self.adamw.zero_grad(set_to_none=True)
        self._give_weights()
        return norms[0]

    def _take_gradients(self) -> None:
        for weight, master in self.masters:
            master.grad = None if weight.grad is None else weight.grad.float()
            weight.grad = None
        policy, *others = [group["params"] for group in self.adamw.param_groups]
        if not self.sharded:  # sharding sums by itself
            self.team.sum_gradients(policy)
        for critic in others:
            self.team.sum_gradients(critic)

    def _give_weights(self) -> None:
        with torch.no_grad():
            for weight, master in self.masters:
                weight.copy_(master)
        if self.sharded:
            self.rolls_out.load_state_dict(whole_weights(self.network), strict=False)

    def _gather_state(self) -> dict[str, Any]:
        """The same layout sharded or not: whole tensors, numbered as the optimiser numbers them."""
        state = self.adamw.state_dict()
        if not self.sharded:
            return {"adamw": state, "masters": [master for _, master in self.masters]}
        moments = {
            index: {name: whole(value) for name, value in kept.items()}
            for index, kept in state["state"].items()
        }
        masters = [whole(weight) for weight in self.adamw.param_groups[0]["params"]]
        return {"adamw": {**state, "state": moments}, "masters": masters}

    def state_dict(self) -> dict[str, Any]:
        """For a checkpoint; the leader's call, in which all take part."""
        return self.whole_state()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        policy = self.adamw.param_groups[0]["params"]
        masters = policy if self.sharded else [master for _, master in self.masters]
        with torch.no_grad():
            for master, value in zip(masters, state["masters"], strict=True):
                master.copy_(like(master, value))
        weights = [weight for group in self.adamw.param_groups for weight in group["params"]]
        moments = {
            index: {name: like(weights[index], value) for name, value in kept.items()}
            for index, kept in state["adamw"]["state"].items()
        }
        self.adamw.load_state_dict({**state["adamw"], "state": moments})


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
        return lambda: _disable_adapter(network)
    frozen = copy.deepcopy(network).requires_grad_(False).eval()
    return lambda: nullcontext(frozen)


def is_adapted(network: nn.Module) -> bool:
    from transformers.utils.import_utils import is_peft_available

    if not is_peft_available():
        return False
    from peft import PeftModel

    return isinstance(network, PeftModel)


@contextmanager
def _disable_adapter(network: Any) -> Iterator[nn.Module]:
    with network.disable_adapter():
        yield network
