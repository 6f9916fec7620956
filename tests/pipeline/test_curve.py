"""The held-out curve: measured with the weights of each point, gone on with after a kill, and told of."""

from __future__ import annotations

from pathlib import Path

import pytest

from selfchal.core.errors import ManifestError
from selfchal.core.sandbox import Sandbox
from selfchal.pipeline.context import SECRET
from selfchal.pipeline.loop import run
from selfchal.pipeline.store import Store
from selfchal.pipeline.watch import Watchers
from selfchal.report.gather import gather
from tests.pipeline.learner import facts, manifest_of
from tests.pipeline.test_loop import InterruptedRunError, Stopper, watched_by

pytestmark = pytest.mark.torch
CURVE = {"samples": 2, "every": 1}


def test_each_point_is_measured_with_its_own_weights(tmp_path: Path, process_sandbox: Sandbox) -> None:
    manifest = manifest_of(process_sandbox, evaluation=CURVE)
    with Store.create(tmp_path / "run", manifest.resolved()) as store:
        results = run(manifest, store, Watchers())
    rates = {point["update"]: point["pass@1"] for point in results["curve"]}
    assert rates == {1: 0.5, 2: 1.0, 3: 1.0}  # the learner knows Bob's orders from its second update on
    assert [point["difference"]["mean"] for point in results["curve"]] == [0.0, 0.5, 0.5]
    assert results["after"]["pass@1"] == 1.0
    assert results["opened"] == {"test": 5}  # before, three points, after
    assert not list((tmp_path / "run" / "checkpoints" / "round_1").glob("point_*"))


def test_the_report_shows_the_curve_and_not_its_episodes(tmp_path: Path, process_sandbox: Sandbox) -> None:
    manifest = manifest_of(process_sandbox, evaluation={"samples": 2, "every": 2})
    with Store.create(tmp_path / "run", manifest.resolved()) as store:
        run(manifest, store, Watchers())
    found = gather(tmp_path / "run")
    assert found.curves["held-out tasks, each once, every 2 updates"] == {"pass@1": [0.5, 1.0, 1.0]}
    assert not [episode for episode in found.episodes if "update" in episode["moment"]]


@pytest.mark.slow
def test_stopped_at_any_moment_the_curve_is_the_same(tmp_path: Path, process_sandbox: Sandbox) -> None:
    manifest = manifest_of(process_sandbox, evaluation=CURVE)
    whole = Stopper(10**6)
    with Store.create(tmp_path / "whole", manifest.resolved()) as store:
        store.put_fact(SECRET, "the same for all")
        curve = run(manifest, store, watched_by(whole))["curve"]
    for after in range(whole.told // 2, whole.told, 2):
        directory = tmp_path / str(after)
        with Store.create(directory, manifest.resolved()) as store:
            store.put_fact(SECRET, "the same for all")
            with pytest.raises(InterruptedRunError):
                run(manifest, store, watched_by(Stopper(after)))
        with Store.resume(directory, manifest.resolved()) as store:
            results = run(manifest, store, Watchers())
        assert (results["curve"], results["opened"]) == (curve, {"test": 5}), f"stopped at {after}"
        assert facts(directory) == facts(tmp_path / "whole"), f"stopped at {after}"


def test_a_curve_without_a_trainer_is_refused(process_sandbox: Sandbox) -> None:
    with pytest.raises(ManifestError, match=r"evaluation\.every measures the updates of a trainer"):
        manifest_of(process_sandbox, evaluation=CURVE, trainer=None)
