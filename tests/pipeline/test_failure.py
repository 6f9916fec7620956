"""What a run notes of itself: where it is, what it is measured on, and what it died of."""

from __future__ import annotations

from pathlib import Path

import pytest

from selfchal.core.errors import TrainingError
from selfchal.pipeline.failure import FAILURE, noting_failure
from selfchal.pipeline.store import Store
from selfchal.report import write_report
from tests.support.stored_run import MANIFEST, write_stored_run


def test_the_error_and_the_stage_are_noted_and_cleared_by_the_next_attempt(tmp_path: Path) -> None:
    with Store.create(tmp_path / "run", {"run": {"name": "r"}}) as store:
        store.put_fact("stage", "train 1")
        with pytest.raises(TrainingError), noting_failure(store):
            raise TrainingError("no signal" + "x" * 1_000_000)
        noted = store.fact(FAILURE)
        assert noted["error"].startswith("TrainingError: no signal")
        assert noted["stage"] == "train 1"
        assert "raise TrainingError" in noted["traceback"] or len(noted["traceback"]) == 20_000
        assert len(noted["error"]) == 20_000
        with noting_failure(store):
            assert store.fact(FAILURE) is None


def test_ctrl_c_is_no_failure(tmp_path: Path) -> None:
    with Store.create(tmp_path / "run", {"run": {"name": "r"}}) as store:
        with pytest.raises(KeyboardInterrupt), noting_failure(store):
            raise KeyboardInterrupt
        assert store.fact(FAILURE) is None


def test_the_report_of_a_failed_run_begins_with_the_error(tmp_path: Path) -> None:
    write_stored_run(tmp_path / "run", {**MANIFEST, "rounds": 1})
    with Store.resume(tmp_path / "run", {**MANIFEST, "rounds": 1}) as store:
        store.put_fact("stage", "train <1>")
        with pytest.raises(ZeroDivisionError), noting_failure(store):
            print(1 / 0)
    page = write_report(tmp_path / "run").read_text()
    assert page.index("This run failed in “train &lt;1&gt;”") < page.index("The funnel")
    assert "ZeroDivisionError: division by zero" in page
    assert "has not ended" not in page
