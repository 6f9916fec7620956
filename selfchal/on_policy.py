"""What an on-policy training algorithm of somebody else's is written with (docs/write_a_trainer.md).

Every name that such a package needs of the built-in trainers stands here; the modules below
``selfchal.builtin_trainers`` may change. A name is looked up when it is first used, so that a plugin can
inherit ``OnPolicyOptions`` without importing torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selfchal.builtin_trainers.batch import MicroBatch, agent_tokens, micro_batches
    from selfchal.builtin_trainers.forward import Scores, score
    from selfchal.builtin_trainers.on_policy import (
        Algorithm,
        BatchLoss,
        PolicyBatch,
        Preparation,
        Prepared,
        train,
    )
    from selfchal.builtin_trainers.options import ClippedOptions, OnPolicyOptions, find_loss_obstacle
    from selfchal.builtin_trainers.parallel import Team
    from selfchal.builtin_trainers.policy_loss.loss import (
        PolicyLoss,
        TokenWeights,
        compute_advantages,
        compute_policy_loss,
        is_left_out,
        weigh_tokens,
    )
    from selfchal.builtin_trainers.policy_loss.seams import (
        AdvantageName,
        AggregationName,
        ClipName,
        RatioName,
    )
    from selfchal.builtin_trainers.rollouts import has_signal, judged

__all__ = [
    "AdvantageName",
    "AggregationName",
    "Algorithm",
    "BatchLoss",
    "ClipName",
    "ClippedOptions",
    "MicroBatch",
    "OnPolicyOptions",
    "PolicyBatch",
    "PolicyLoss",
    "Preparation",
    "Prepared",
    "RatioName",
    "Scores",
    "Team",
    "TokenWeights",
    "agent_tokens",
    "compute_advantages",
    "compute_policy_loss",
    "find_loss_obstacle",
    "has_signal",
    "is_left_out",
    "judged",
    "micro_batches",
    "score",
    "train",
    "weigh_tokens",
]

_NAMES_BY_MODULE = {
    "selfchal.builtin_trainers.batch": ("MicroBatch", "agent_tokens", "micro_batches"),
    "selfchal.builtin_trainers.forward": ("Scores", "score"),
    "selfchal.builtin_trainers.on_policy": (
        "Algorithm",
        "BatchLoss",
        "PolicyBatch",
        "Preparation",
        "Prepared",
        "train",
    ),
    "selfchal.builtin_trainers.options": ("ClippedOptions", "OnPolicyOptions", "find_loss_obstacle"),
    "selfchal.builtin_trainers.parallel": ("Team",),
    "selfchal.builtin_trainers.policy_loss.loss": (
        "PolicyLoss",
        "TokenWeights",
        "compute_advantages",
        "compute_policy_loss",
        "is_left_out",
        "weigh_tokens",
    ),
    "selfchal.builtin_trainers.policy_loss.seams": (
        "AdvantageName",
        "AggregationName",
        "ClipName",
        "RatioName",
    ),
    "selfchal.builtin_trainers.rollouts": ("has_signal", "judged"),
}
_MODULES = {name: module for module, names in _NAMES_BY_MODULE.items() for name in names}

if not TYPE_CHECKING:  # a type checker that saw this function would believe in any name

    def __getattr__(name: str) -> object:
        """Look a public name up when it is first used, and keep it."""
        if name not in _MODULES:
            raise AttributeError(f"module 'selfchal.on_policy' has no attribute {name!r}")
        value = getattr(importlib.import_module(_MODULES[name]), name)
        globals()[name] = value
        return value
