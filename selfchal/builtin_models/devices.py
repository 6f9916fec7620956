"""Is the device that a model's section names there? Asked before torch is loaded."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from selfchal.builtin_models.config import TransformersConfig, VllmConfig

# What the drivers of NVIDIA, of WSL 2 and of AMD put there.
_DRIVERS = ("nvidiactl", "dxg", "kfd")
_CURE = "set model.device: cpu (or auto), or run it where there is a GPU"


def find_device_obstacle(config: TransformersConfig | VllmConfig) -> str:
    """Why this device cannot be used, or quantised weights on it; empty where nothing says so."""
    missing = _find_missing_gpu()
    if config.device.startswith("cuda") and missing:
        return f"model.device: {config.device!r} needs a GPU, and {missing}; {_CURE}"
    if config.quantization is None:
        return ""
    if config.device == "cpu" or missing:
        reason = missing or "model.device says cpu"
        return (
            f"model.quantization: {config.quantization} needs a GPU (bitsandbytes), and {reason}; remove it, "
            "or run it where there is a GPU"
        )
    return ""


def may_use_gpu(config: TransformersConfig | VllmConfig) -> bool:
    """Will the weights be on a GPU, as far as can be told without torch?"""
    return config.device != "cpu" and not _find_missing_gpu()


def _find_missing_gpu() -> str:
    """Why torch will find no GPU here; empty where it may."""
    try:
        if version("torch").endswith("+cpu"):
            return "the torch that is installed is built for CPUs alone"
    except PackageNotFoundError:
        return ""  # that it is missing is said elsewhere
    if sys.platform == "linux" and not any(Path("/dev", name).exists() for name in _DRIVERS):
        return "this machine shows none (no driver of one in /dev)"
    return ""
