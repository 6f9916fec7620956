"""Fields of TRL's options that a manifest passes through in ``trl``. TRL is imported where one is given."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

# Because token ids, resuming and options of our own need them as the trainers set them.
SET_HERE = frozenset(
    (
        *("bf16", "data_collator", "disable_tqdm", "gradient_accumulation_steps", "gradient_checkpointing"),
        *("learning_rate", "logging_steps", "max_grad_norm", "max_length", "max_steps", "output_dir"),
        *("per_device_train_batch_size", "precompute_ref_log_probs", "report_to", "save_strategy", "seed"),
        *("train_sampling_strategy", "use_cpu", "weight_decay"),
    )
)


def find_fields_obstacle(config: str, given: Mapping[str, Any], *own: str) -> str:
    """Why these cannot be fields of that class of TRL, as a sentence; empty where they can, or without TRL.

    ``own``: fields that the trainer has options of its own for.
    """
    if not given or find_spec("trl") is None:
        return ""
    import trl

    known = [field.name for field in dataclasses.fields(getattr(trl, config))]
    for name in given:
        if name in SET_HERE or name in own:
            return f"trainer.trl.{name}: the trainer sets it itself; see its options"
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            return f"trainer.trl.{name}: TRL's {config} has no such field{hint}"
    return ""
