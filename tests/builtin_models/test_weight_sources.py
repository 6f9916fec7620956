"""Weights that are not there are found without torch, without retries and within seconds."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from selfchal.builtin_models.weight_sources import find_source_obstacle
from tests.patience import SOON


def test_a_directory_that_is_not_there_or_holds_no_model_is_named(tmp_path: Path) -> None:
    assert "no directory '/no/such/model'" in find_source_obstacle("/no/such/model")
    assert "has no config.json" in find_source_obstacle(str(tmp_path))
    (tmp_path / "config.json").write_text("{}")
    assert "has no weights" in find_source_obstacle(str(tmp_path))
    (tmp_path / "model.safetensors").write_bytes(b"")
    assert find_source_obstacle(str(tmp_path)) == ""


@pytest.fixture
def _hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("huggingface_hub")
    for proxy in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(proxy, raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))


@pytest.mark.usefixtures("_hub")
def test_a_hub_name_without_network_is_said_within_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    started = time.monotonic()
    assert "127.0.0.1 cannot be reached" in find_source_obstacle("no-such-org/no-such-model")
    assert time.monotonic() - started < SOON


@pytest.mark.usefixtures("_hub")
def test_offline_only_the_cache_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "HF_HUB_OFFLINE is set" in find_source_obstacle("no-such-org/no-such-model")


@pytest.mark.usefixtures("_hub")
def test_behind_a_proxy_nothing_is_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    assert find_source_obstacle("no-such-org/no-such-model") == ""
