"""The optimiser's side of every trainer here: AdamW, its rate, the clipped step, and what to resume from."""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Protocol

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.checkpoint.state_dict_loader import load as load_parts
from torch.distributed.checkpoint.state_dict_saver import AsyncSaveResponse, async_save
from torch.distributed.tensor import DTensor

from selfchal.builtin_trainers.parallel import Team
from selfchal.builtin_trainers.sharding import (
    WholeWeights,
    find_compute_type,
    opened_frozen,
    shard,
    shard_frozen,
    split_like,
)
from selfchal.core.errors import TrainingError
from selfchal.core.trainer import WriteFiles

Reference = Callable[[], AbstractContextManager[nn.Module]]
IN_FILES = "in files"  # the key of a state that is in files; its value says where they are
MOMENTS = ("exp_avg", "exp_avg_sq")  # AdamW's names


class Optimisation(Protocol):
    """The options of a trainer that concern the step; see ``GrpoConfig`` for their meaning."""

    steps: int
    learning_rate: float
    schedule: Any
    warmup_steps: int
    weight_decay: float
    max_grad_norm: float


class Division(Protocol):
    """The options of a trainer that say how processes divide the network; see ``GrpoConfig``."""

    precision: Any
    parallel: Any
    offload: bool


def is_sharded(division: Division, team: Team) -> bool:
    """A process that is alone has nothing to divide."""
    return division.parallel == "shard" and team.size > 1


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
    with: the model's own, or where a ``division`` shards this process's part of it.
    """

    def __init__(
        self, network: nn.Module, options: Optimisation, team: Team, division: Division | None = None
    ) -> None:
        """``division``: how processes divide the network; None: every one of them holds it whole."""
        self.options, self.team, self.network = options, team, network
        self.whole: WholeWeights | None = None
        self.narrow = {
            name for name, p in network.named_parameters() if p.requires_grad and p.dtype != torch.float32
        }
        if division is not None and is_sharded(division, team):
            compute = find_compute_type(network, division.precision)
            self.network = shard(network, compute, offload=division.offload)
            self.whole = WholeWeights(network, self.network, is_rank0=team.is_rank0)
        self.masters: list[tuple[Tensor, Tensor]] = []
        trained = [(name, p) for name, p in self.network.named_parameters() if p.requires_grad]
        self.names = [name for name, _ in trained]
        weights = [self._make_master(weight) for _, weight in trained]
        # One kernel for all weights where there is a GPU. The default there makes a copy of them all.
        on_gpu = any(weight.is_cuda for weight in weights)
        kernel: dict[str, Any] = {"fused": True} if on_gpu else {"foreach": False}
        groups = [{"params": weights, "peak": options.learning_rate}]
        self.adamw = torch.optim.AdamW(
            groups, lr=options.learning_rate, weight_decay=options.weight_decay, **kernel
        )
        self._write = team.together(self._write_files)
        # Of their own: those who write speak to one another while others do.
        self._writers = dist.new_group(backend="gloo") if self.whole is not None else None
        self._writing: Future[Any] | None = None

    def _make_master(self, weight: Tensor) -> Tensor:
        if weight.dtype == torch.float32:
            return weight
        self.masters.append((weight, weight.detach().float()))
        return self.masters[-1][1]

    def release(self) -> None:
        """Before updates: the leader's whole weights go away where the network is sharded."""
        if self.whole is not None:
            self.whole.release()

    def fill(self) -> None:
        """Behind updates: the leader has its whole weights again. All processes must call it."""
        if self.whole is not None:
            self.whole.fill()

    def end(self) -> None:
        """When training is over, in a follower: its model may be trained again."""
        self._wait_for_files()
        if self.whole is not None and not self.team.is_rank0:
            self.whole.allocate()

    def add(self, module: nn.Module, learning_rate: float) -> None:
        """Train ``module`` too (a critic), with its own rate and its own clipping."""
        weights = [weight for weight in module.parameters() if weight.requires_grad]
        self.names += [f"module{len(self.adamw.param_groups)}.{number}" for number in range(len(weights))]
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
        if self.whole is None:  # sharding sums by itself
            self.team.sum_gradients(policy)
        for critic in others:
            self.team.sum_gradients(critic)

    def _give_weights(self) -> None:
        with torch.no_grad():
            for weight, master in self.masters:
                weight.copy_(master)

    def named_state(self) -> dict[str, Tensor]:
        """All that a resumed training needs of it, by name, as it is in this process: a part of each tensor
        where the network is sharded. The names are the same however it is divided."""
        found = dict[str, Tensor]()
        weights = [weight for group in self.adamw.param_groups for weight in group["params"]]
        for name, weight in zip(self.names, weights, strict=True):
            kept = self.adamw.state[weight]
            if not kept:  # as AdamW begins
                device = weight.device if self.adamw.defaults["fused"] else None
                kept["step"] = torch.zeros((), device=device)
                kept |= {moment: torch.zeros_like(weight) for moment in MOMENTS}
            found |= {f"{key}.{name}": kept[key] for key in ("step", *MOMENTS)}
            if name in self.narrow:  # the model's own weights, which a checkpoint has, are too coarse
                found[f"master.{name}"] = weight.detach()
        return found

    def state_dict(self) -> dict[str, Any]:
        """For a checkpoint; the leader's call. Where the network is sharded ``write_files`` has to follow."""
        return {IN_FILES: ""} if self.whole is not None else self.named_state()

    @property
    def write_files(self) -> WriteFiles | None:
        """Writes the state into a directory, each process its part; None where ``state_dict`` is all of it.

        The leader's call, in which all take part. It returns when all have copied their part into the host's
        memory, and gives what waits until all are on disk.
        """
        return self._write if self.whole is not None else None

    def _write_files(self, directory: Path) -> Callable[[], None]:
        self._wait_for_files()
        found = async_save(self.named_state(), checkpoint_id=directory, process_group=self._writers)
        self._writing = found.upload_completion if isinstance(found, AsyncSaveResponse) else found
        return self._wait_for_files

    def _wait_for_files(self) -> None:
        """Until what is being written is on disk."""
        if self._writing is not None:
            self._writing.result()

    @torch.no_grad()
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """From a state of any number of processes; all must call it, with the same.

        Raises TrainingError where it is no state of this optimiser.
        """
        if IN_FILES in state:
            with warnings.catch_warnings():
                # It is said to one process that there are no others.
                warnings.filterwarnings("ignore", message="torch.distributed is disabled")
                load_parts(self.named_state(), checkpoint_id=state[IN_FILES], no_dist=self.team.size == 1)
        else:
            parts = self.named_state()
            if parts.keys() - state.keys():
                raise TrainingError(
                    "the checkpoint was written by another version of selfchal, or for another network; go "
                    "on with what wrote it, or begin a new run"
                )
            for name, part in parts.items():
                part.copy_(split_like(part, state[name]))
        self._give_weights()


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


def frozen_reference(network: nn.Module, team: Team, division: Division) -> Reference:
    """Opens the policy as it is now, however long training goes on: a copy, sharded as the policy is."""
    if is_sharded(division, team):
        compute = find_compute_type(network, division.precision)
        replica = shard_frozen(network, compute, offload=division.offload)
        return lambda: opened_frozen(replica)
    frozen = copy.deepcopy(network).requires_grad_(False).eval()
    return lambda: nullcontext(frozen)


def adapter_reference(network: nn.Module) -> Reference:
    """Opens the model's base: with a LoRA adapter it is ``network`` itself, the adapter switched off."""
    return lambda: _disable_adapter(network)


@contextmanager
def _disable_adapter(network: Any) -> Iterator[nn.Module]:
    with network.disable_adapter():
        yield network
