"""What the options of a model and of a trainer mean for memory, in numbers that any plugin can give.

A model class that holds weights has a class method ``plan_memory(config)`` that returns a ``ModelPlan``, or
None where it holds none here or its network is not known; a trainer class has one that returns a
``TrainerPlan``. Both load nothing. A class without the method takes no part in the arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from selfchal.memory.shape import NetworkShape

# Where tokens are sampled. shared: by the network that is trained, in its process. beside: by another engine
# on the same GPU. asleep: by one that frees its memory during updates. apart: on other GPUs.
Sampler = Literal["shared", "beside", "asleep", "apart"]
Quantisation = Literal["4bit", "8bit"]
ADAPTER_BYTES = 4  # an adapter's weight is float32, so it needs no master
# Of a weight of a layer's matrices: NF4 with double quantisation, or 8 bit with a scale a row.
_QUANTISED: dict[Quantisation, float] = {"4bit": 0.516, "8bit": 1.003}


@dataclass(frozen=True)
class ModelPlan:
    """The weights of a model: ``weight_bytes`` each (4 or 2), the layers' matrices less where quantised."""

    shape: NetworkShape
    weight_bytes: int
    context: int  # the most tokens of a conversation
    sampler: Sampler
    adapter_rank: int | None = None  # None: all weights are trained
    adapted: tuple[bool, ...] = (True,) * 7  # which of ``NetworkShape.linears`` have adapters
    quantised: Quantisation | None = None
    checkpointing: bool = False  # activations are computed again in the backward pass
    sampler_gpus: int = 0  # that an engine which is apart has for itself
    engine_share: float | None = None  # of a GPU's memory, which an engine beside the trainer takes

    @property
    def adapter_parameters(self) -> int:
        if self.adapter_rank is None:
            return 0
        ends = [sum(pair) for pair, on in zip(self.shape.linears, self.adapted, strict=True) if on]
        return self.shape.layers * self.adapter_rank * sum(ends)

    @property
    def held_bytes(self) -> int:
        """Of the weights that are sampled from, and that adapters stand on. Quantisation leaves embeddings,
        output layer and norms alone, which are held in float32 under adapters."""
        if self.quantised is None:
            return self.weight_bytes * self.shape.parameters
        matrices = self.shape.layers * sum(inputs * outputs for inputs, outputs in self.shape.linears)
        others = self.weight_bytes if self.adapter_rank is None else ADAPTER_BYTES
        return round(_QUANTISED[self.quantised] * matrices) + others * (self.shape.parameters - matrices)

    @property
    def trained(self) -> int:
        """Weights that an optimiser steps on."""
        return self.shape.parameters if self.adapter_rank is None else self.adapter_parameters


@dataclass(frozen=True)
class TrainerPlan:
    """What one update holds. ``compute_bytes`` of a number in a pass: 2 is bfloat16, 4 float32, None as the
    weights are loaded."""

    pass_tokens: int  # of a forward pass
    together: int = 1  # conversations that go through one pass whole, whatever ``pass_tokens`` says
    compute_bytes: int | None = None
    reference: bool = False  # the weights that training began with are asked too
    critic: bool = False  # a second network is trained
    sharded: bool = False  # parameters and optimiser are split over the processes
    shards: bool = True  # it has an option for that
    offloaded: bool = False  # masters, moments, gradients and reference lie in the host's memory
    chunked_logits: bool = True  # False: those of a whole pass at once


@dataclass(frozen=True)
class Machine:
    """The GPUs that one training is started on."""

    processes: int  # one a GPU
    gpu_bytes: int
