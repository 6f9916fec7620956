from __future__ import annotations

import importlib.util
import json
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from selfchal.core.errors import PluginError, StoreError
from selfchal.pipeline.loggers import append_metrics, open_loggers, write_metrics_file

RESOLVED = {"run": {"name": "r"}}


def test_the_metrics_file_is_whole_lines_and_can_be_made_again(tmp_path: Path) -> None:
    write_metrics_file(tmp_path, [{"stage": "train 1", "step": 1, "reward": 0.5}])
    append_metrics(tmp_path, "train 1", 2, {"reward": 0.75})
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [row["reward"] for row in rows] == [0.5, 0.75]


def test_no_room_for_metrics_is_a_store_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="resume"):
        append_metrics(tmp_path / "missing", "train 1", 1, {})


@pytest.mark.parametrize("name", ["wandb", "trackio", "tensorboard"])
def test_a_missing_logger_says_how_to_install_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = "torch.utils.tensorboard" if name == "tensorboard" else name
    monkeypatch.setitem(sys.modules, module, None)
    with ExitStack() as closing, pytest.raises(PluginError, match=rf"selfchal\[{name}\]"):
        open_loggers([name], tmp_path, RESOLVED, closing)  # type: ignore[list-item]  # a name, as in YAML


@pytest.mark.skipif(importlib.util.find_spec("tensorboard") is None, reason="tensorboard is not installed")
def test_tensorboard_gets_the_values(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with ExitStack() as closing:
        open_loggers(["tensorboard"], tmp_path, RESOLVED, closing)("train 1", 3, {"reward": 0.25})
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [(e.step, e.value) for e in events.Scalars("train 1/reward")] == [(3, 0.25)]
