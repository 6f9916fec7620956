from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from selfchal.builtin_watchers.trackers import NoOptions, Tensorboard
from selfchal.core.errors import PluginError
from selfchal.pipeline.manifest import Choice
from selfchal.plugins import load_plugins
from tests.builtin_watchers.watched import watch_by


@pytest.mark.parametrize("name", ["wandb", "trackio", "tensorboard"])
def test_a_missing_tracker_says_how_to_install_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    tracker = load_plugins().find("watcher", name)
    with pytest.raises(PluginError, match=rf"selfchal\[{name}\]"):
        Choice(name, tracker, tracker.Config()).make()


@pytest.mark.torch
@pytest.mark.skipif(importlib.util.find_spec("tensorboard") is None, reason="tensorboard is not installed")
def test_tensorboard_gets_the_values(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    watch, watchers, run = watch_by(Tensorboard(NoOptions()), tmp_path)
    watchers.tell("run_started", run)
    watch.update_finished("train 1", 3, {"reward": 0.25})
    watchers.tell("run_ended", run, results=None)
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [(e.step, e.value) for e in events.Scalars("train 1/reward")] == [(3, 0.25)]
