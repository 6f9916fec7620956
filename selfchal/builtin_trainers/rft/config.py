"""The options of RFT and distillation. Defaults are the paper's (arXiv 2506.01716, table 6)."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class RftConfig(BaseModel):
    """Roll every task out once, fine-tune on the episodes that are kept."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    tasks_per_step: int = Field(32, ge=1)
    """Tasks rolled out at a time; every training task is rolled out once, before the first update."""
    group_size: int = Field(15, ge=1)
    """Episodes a task; the paper has 12,000 episodes of 800 tasks."""
    keep: Literal["successes", "all"] = "successes"
    """successes: rejection fine-tuning. all: failed episodes too, as the paper distils a teacher."""
    per_task: int | None = Field(4, ge=1)
    """At most so many different kept episodes a task, so that what it can do already does not drown
    what it did once; null: all of them, repeats too, as in the paper."""

    steps: int | None = Field(None, ge=1)
    """Updates; null: as many as ``epochs`` passes over the kept episodes take."""
    epochs: int = Field(6, ge=1)
    """Passes over the kept episodes, where ``steps`` does not say how many updates to make."""
    batch_size: int = Field(8, ge=1)
    """Episodes an update."""
    micro_batch_tokens: int = Field(16384, ge=1)
    """Padded tokens of one forward pass; more is faster and takes more memory. One episode at least."""

    learning_rate: float = Field(1e-5, gt=0)
    """AdamW's peak rate. Tiny models take far larger ones (the embedded one about 1e-3)."""
    schedule: Literal["constant", "linear", "cosine"] = "constant"
    """How the rate falls to 0 over all updates after the warm-up."""
    warmup_steps: int = Field(0, ge=0)
    """Updates over which the rate rises linearly from 0."""
    weight_decay: float = Field(0.0, ge=0)
    """AdamW's decoupled weight decay."""
    max_grad_norm: float = Field(1.0, gt=0)
    """Gradients are scaled down to this L2 norm."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """bfloat16: the forward pass under autocast. The optimiser always steps on float32 weights."""

    checkpoint_every: int = Field(10, ge=1)
    """Updates between checkpoints, which are also the candidates for the best one."""
    validation_samples: int = Field(2, ge=0)
    """Episodes a validation task at each checkpoint. The weights kept are those with the highest mean
    validation reward, the later of equals. 0, or a teacher: no validation, the last weights are kept."""
