"""A device that is not there, and quantised weights without a GPU, are said before torch is loaded."""

from __future__ import annotations

from typing import Any

import pytest

from selfchal.builtin_models import devices
from selfchal.builtin_models.config import TransformersConfig
from selfchal.builtin_models.devices import find_device_obstacle


def find(**options: Any) -> str:
    return find_device_obstacle(TransformersConfig(path="org/model", **options))


@pytest.fixture(params=["2.13.0+cpu", "2.13.0"])
def _no_gpu(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A torch for CPUs, or one for GPUs where no driver is."""
    monkeypatch.setattr(devices, "version", lambda _: request.param)
    monkeypatch.setattr(devices, "_DRIVERS", ("no-such-device",))


@pytest.mark.usefixtures("_no_gpu")
@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
def test_cuda_without_a_gpu_is_a_sentence(device: str) -> None:
    said = find(device=device)
    assert said.startswith(f"model.device: '{device}' needs a GPU, and ")
    assert said.endswith("set model.device: cpu (or auto), or run it where there is a GPU")


@pytest.mark.usefixtures("_no_gpu")
@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_quantised_weights_need_a_gpu(device: str) -> None:
    assert find(device=device) == ""
    assert "model.quantization: 4bit needs a GPU" in find(device=device, quantization="4bit")


def test_where_a_driver_is_only_a_cpu_can_be_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "version", lambda _: "2.13.0+cu130")
    monkeypatch.setattr(devices, "_DRIVERS", ("null",))  # a device that every Linux has
    assert find(device="cuda") == find(device="auto", quantization="8bit") == ""
    assert "and model.device says cpu" in find(device="cpu", quantization="8bit")
