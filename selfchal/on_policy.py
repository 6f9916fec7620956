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
    from selfchal.builtin_trainers.options import ClippedOptions, OnPolicyOptions
    from selfchal.builtin_trainers.parallel import Team
    from selfchal.builtin_trainers.rollouts import has_signal, judged
    from selfchal.builtin_trainers.surrogate import clipped_policy_loss

__all__ = [
    "Algorithm",
    "BatchLoss",
    "ClippedOptions",
    "MicroBatch",
    "OnPolicyOptions",
    "PolicyBatch",
    "Preparation",
    "Prepared",
    "Scores",
    "Team",
    "agent_tokens",
    "clipped_policy_loss",
    "has_signal",
    "judged",
    "micro_batches",
    "score",
    "train",
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
    "selfchal.builtin_trainers.options": ("ClippedOptions", "OnPolicyOptions"),
    "selfchal.builtin_trainers.parallel": ("Team",),
    "selfchal.builtin_trainers.rollouts": ("has_signal", "judged"),
    "selfchal.builtin_trainers.surrogate": ("clipped_policy_loss",),
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
