"""What a training algorithm of somebody else's is written with (docs/write_a_trainer.md).

The on-policy loop with what an algorithm fills in, and the parts of it for a loop of one's own: rollouts,
batches, scoring, the optimiser, checkpoints. Every name that such a package needs of the built-in trainers
stands here; the modules below ``selfchal.builtin_trainers`` may change. A name is looked up when it is first
used, so that a plugin can inherit ``OnPolicyOptions`` without importing torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfchal.lazy_names import look_up_names

if TYPE_CHECKING:
    from selfchal.builtin_trainers.batch import MicroBatch, agent_tokens, micro_batches
    from selfchal.builtin_trainers.checkpoint import (
        TrainState,
        end_of_step,
        read_latest,
        restore_best,
        unpack,
        validate_start,
    )
    from selfchal.builtin_trainers.forward import Scores, score
    from selfchal.builtin_trainers.memory_plan import plan_on_policy
    from selfchal.builtin_trainers.on_policy import (
        Algorithm,
        BatchLoss,
        PolicyBatch,
        Preparation,
        Prepared,
        train,
    )
    from selfchal.builtin_trainers.optim import Optimizer, rate_fraction
    from selfchal.builtin_trainers.options import (
        CheckpointOptions,
        ClippedOptions,
        OnPolicyOptions,
        OptimizerOptions,
        ParallelOptions,
        RolloutOptions,
        find_loss_obstacle,
    )
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
    from selfchal.builtin_trainers.rollouts import (
        TaskSampler,
        collect_groups,
        has_signal,
        judged,
        rollout_metrics,
        sampler_for,
    )

__all__ = [
    "AdvantageName",
    "AggregationName",
    "Algorithm",
    "BatchLoss",
    "CheckpointOptions",
    "ClipName",
    "ClippedOptions",
    "MicroBatch",
    "OnPolicyOptions",
    "Optimizer",
    "OptimizerOptions",
    "ParallelOptions",
    "PolicyBatch",
    "PolicyLoss",
    "Preparation",
    "Prepared",
    "RatioName",
    "RolloutOptions",
    "Scores",
    "TaskSampler",
    "Team",
    "TokenWeights",
    "TrainState",
    "agent_tokens",
    "collect_groups",
    "compute_advantages",
    "compute_policy_loss",
    "end_of_step",
    "find_loss_obstacle",
    "has_signal",
    "is_left_out",
    "judged",
    "micro_batches",
    "plan_on_policy",
    "rate_fraction",
    "read_latest",
    "restore_best",
    "rollout_metrics",
    "sampler_for",
    "score",
    "train",
    "unpack",
    "validate_start",
    "weigh_tokens",
]

_NAMES_BY_MODULE = {
    "selfchal.builtin_trainers.batch": ("MicroBatch", "agent_tokens", "micro_batches"),
    "selfchal.builtin_trainers.checkpoint": (
        "TrainState",
        "end_of_step",
        "read_latest",
        "restore_best",
        "unpack",
        "validate_start",
    ),
    "selfchal.builtin_trainers.forward": ("Scores", "score"),
    "selfchal.builtin_trainers.memory_plan": ("plan_on_policy",),
    "selfchal.builtin_trainers.on_policy": (
        "Algorithm",
        "BatchLoss",
        "PolicyBatch",
        "Preparation",
        "Prepared",
        "train",
    ),
    "selfchal.builtin_trainers.optim": ("Optimizer", "rate_fraction"),
    "selfchal.builtin_trainers.options": (
        "CheckpointOptions",
        "ClippedOptions",
        "OnPolicyOptions",
        "OptimizerOptions",
        "ParallelOptions",
        "RolloutOptions",
        "find_loss_obstacle",
    ),
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
    "selfchal.builtin_trainers.rollouts": (
        "TaskSampler",
        "collect_groups",
        "has_signal",
        "judged",
        "rollout_metrics",
        "sampler_for",
    ),
}
_MODULES = {name: module for module, names in _NAMES_BY_MODULE.items() for name in names}

if not TYPE_CHECKING:  # a type checker that saw this function would believe in any name
    __getattr__ = look_up_names(__name__, _MODULES)
