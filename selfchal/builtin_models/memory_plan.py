"""What a model's section means for the memory of a GPU, from the ``config.json`` that its path names.

Light: a directory, the hub's cache and a list of well-known models are looked at, and nothing is loaded.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from selfchal.builtin_models.config import LoraConfig, TransformersConfig, VllmConfig
from selfchal.memory.known_networks import find_known_config
from selfchal.memory.plan import ModelPlan, Sampler
from selfchal.memory.shape import read_shape
from selfchal.text_files import MOST_WRITTEN_BYTES, read_text_file

_LINEARS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


def plan_weights(
    config: TransformersConfig | VllmConfig, sampler: Sampler, engine_share: float | None = None
) -> ModelPlan | None:
    """None on a CPU, and where the network is not found or not of a family that is counted."""
    found = None if config.device == "cpu" else find_config(config.path)
    shape = None if found is None else read_shape(found)
    if shape is None:
        return None
    return ModelPlan(
        shape=shape,
        weight_bytes=4 if config.dtype == "float32" else 2,
        context=config.context or shape.positions,
        sampler=sampler,
        adapter_rank=None if config.lora is None else config.lora.r,
        adapted=_find_adapted(config.lora),
        quantised=config.quantization,
        checkpointing=config.gradient_checkpointing,
        engine_share=engine_share,
    )


def find_config(path: str) -> Mapping[str, Any] | None:
    """What ``config.json`` says of a directory or a hub name; None where it is not at hand."""
    file = Path(path).expanduser() / "config.json"
    if not file.is_file():
        cached = _find_cached(path)
        if cached is None:
            return find_known_config(path)
        file = cached
    try:
        found = json.loads(read_text_file(file, MOST_WRITTEN_BYTES))
    except (OSError, ValueError):
        return None  # loading it will say what is wrong
    return found if isinstance(found, dict) else None


def _find_cached(name: str) -> Path | None:
    if find_spec("huggingface_hub") is None or Path(name).is_absolute() or name.count("/") != 1:
        return None
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = try_to_load_from_cache(name, "config.json")
    except HFValidationError:  # a path, and no name of a model
        return None
    return Path(found) if isinstance(found, str) else None


def _find_adapted(lora: LoraConfig | None) -> tuple[bool, ...]:
    if lora is None or lora.targets == "all-linear":
        return (True,) * len(_LINEARS)
    names = (lora.targets,) if isinstance(lora.targets, str) else lora.targets
    return tuple(name in names for name in _LINEARS)
