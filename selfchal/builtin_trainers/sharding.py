"""A network split over the processes (FSDP2), and the whole weights that the leader rolls out with.

Each process holds its part of every weight: float32 masters of those that are trained, the others as they
were loaded. A layer is put together where it computes, in the precision that it computes in, and taken apart
again. The whole weights of the sampler are there only while the leader samples; the others never hold them.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import CPUOffloadPolicy, FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from selfchal.core.errors import TrainingError

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def find_compute_type(network: Any, precision: str) -> torch.dtype:
    """The type that matrices are multiplied in: ``auto`` is that of the weights as they were loaded."""
    if precision != "auto":
        return PRECISIONS[precision]
    dtype = network.get_input_embeddings().weight.dtype
    assert isinstance(dtype, torch.dtype)  # networks have no types
    return dtype


def find_device(network: nn.Module) -> torch.device:
    """Where the network computes, which with ``offload`` is not where its weights are."""
    weight = next(network.parameters())
    return torch.device(weight.device_mesh.device_type) if isinstance(weight, DTensor) else weight.device


def shard(network: Any, compute: torch.dtype, *, offload: bool = False) -> Any:
    """This process's part of ``network``, whose own weights stay as they are; they may be released then.

    Trained weights become float32. Gradients are summed over the processes in float32, not averaged.
    Raises TrainingError where the weights are quantised.
    """
    _refuse_quantised(network)
    # The copy shares every tensor with the network until that tensor is split.
    tensors = (*network.parameters(), *network.buffers())
    replica = copy.deepcopy(network, {id(tensor): tensor for tensor in tensors})
    # Named, since the default is a GPU wherever there is one, also for a model that is on the CPU.
    mesh = init_device_mesh(find_device(network).type, (dist.get_world_size(),))
    policy: dict[str, Any] = {"mesh": mesh, "mp_policy": MixedPrecisionPolicy(compute, torch.float32)}
    if offload:
        policy["offload_policy"] = CPUOffloadPolicy(pin_memory=torch.cuda.is_available())
    for layer in replica.get_decoder().layers:
        _widen_trained(layer)
        fully_shard(layer, **policy)
    _widen_trained(replica)
    fully_shard(replica, **policy)
    for module in replica.modules():
        if isinstance(module, FSDPModule):
            module.set_gradient_divide_factor(1.0)
            module.set_force_sum_reduction_for_comms(True)  # gloo has no scaled sum
    return replica


def shard_frozen(network: Any, compute: torch.dtype, *, offload: bool = False) -> Any:
    """The same of a network that is never trained (a reference), in the precision it was loaded in."""
    trained = [weight for weight in network.parameters() if weight.requires_grad]
    for weight in trained:
        weight.requires_grad_(False)
    try:
        return shard(network, compute, offload=offload).eval()
    finally:
        for weight in trained:
            weight.requires_grad_(True)


@contextmanager
def opened_frozen(replica: Any) -> Iterator[Any]:
    """Such a network for scoring; what it put together at its root is taken apart at the end."""
    yield replica
    replica.reshard()


def _refuse_quantised(network: nn.Module) -> None:
    if any(not weight.is_floating_point() for weight in network.parameters()):
        raise TrainingError(
            "parallel: shard cannot split quantised weights; take parallel: replicate, with which each "
            "process holds the quantised network, or leave model.quantization out"
        )


def _widen_trained(module: nn.Module) -> None:
    """Give trained weights below float32 new ones in float32; tied weights stay tied."""
    wide: dict[int, nn.Parameter] = {}
    for owner in module.modules():
        for name, weight in owner.named_parameters(recurse=False):
            if weight.requires_grad and weight.dtype != torch.float32 and not isinstance(weight, DTensor):
                wide.setdefault(id(weight), nn.Parameter(weight.detach().float()))
                setattr(owner, name, wide[id(weight)])


class WholeWeights:
    """The weights of the network that the leader rolls out with, filled from the split ones."""

    def __init__(self, network: nn.Module, replica: nn.Module, *, is_rank0: bool) -> None:
        """Followers never roll out: theirs are released at once."""
        parts = dict(replica.named_parameters())
        self.pairs = [(weight, parts[name]) for name, weight in network.named_parameters()]
        self.shapes = [weight.shape for weight, _ in self.pairs]
        self.is_rank0 = is_rank0
        if not is_rank0:
            self.release()

    def release(self) -> None:
        """Give their memory back. The tensors stay the same objects, for others hold them."""
        for weight, _ in self.pairs:
            weight.data = torch.empty(0, dtype=weight.dtype, device=weight.device)

    @torch.no_grad()
    def fill(self) -> None:
        """In the leader, put them together again, one at a time. All processes must call it."""
        for weight, part in self.pairs:
            whole = put_together(part, weight.device)
            if self.is_rank0:
                weight.data = whole.to(weight.dtype)

    def allocate(self) -> None:
        """In a follower, when training is over: room for the weights that another training begins with."""
        for (weight, _), shape in zip(self.pairs, self.shapes, strict=True):
            weight.data = torch.empty(shape, dtype=weight.dtype, device=weight.device)


def put_together(part: Tensor, device: torch.device) -> Tensor:
    """A split tensor in one piece on ``device``, in every process; another as it is. All must call it."""
    whole = part.full_tensor() if isinstance(part, DTensor) else part
    return whole.detach().to(device)


def split_like(part: Tensor, whole: Tensor) -> Tensor:
    """This process's part of ``whole``, which all have, split as ``part`` is. All must call it."""
    whole = whole.to(part.device)
    return distribute_tensor(whole, part.device_mesh, part.placements) if isinstance(part, DTensor) else whole
