"""A run as plain rows, also while another process writes it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import selfchal
from selfchal.core.episode import End, Episode
from selfchal.core.errors import StoreError
from selfchal.core.judge import Outcome, Stage, Verdict
from selfchal.core.model import Message
from selfchal.core.synthesizer import Proposal
from selfchal.pipeline.store import RESULTS, Store
from tests.support.shop import CANCEL, COUNT

MANIFEST: dict[str, Any] = {"run": {"name": "demo"}, "environment": {"name": "shop"}}
FELL = Verdict(Outcome.FAILED, Stage.STRONG, "nothing changes", diagnostics={"mutants": 3}, check="strength")


def episode(reward: float | None) -> Episode:
    said = [Message("user", "Do it."), Message("assistant", "Answer: done")]
    return Episode("cancel", 0, said, [5, 6, 7], [0, 1, 1], [0.0, -0.5, -0.1], end=End.ANSWER, reward=reward)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A run under way: it holds the directory's lock, and has no results yet."""
    with Store.create(tmp_path / "run", MANIFEST) as opened:
        yield opened


def test_what_is_stored_is_seen_while_the_run_goes_on(store: Store) -> None:
    view = selfchal.open_run(store.directory)
    assert (view.tasks(), list(view.episodes()), view.metrics(), view.results()) == ([], [], [], {})
    store.put_proposals(1, "1/0", [Proposal(0, 1, FELL, COUNT), Proposal(1, 1, FELL, raw="gibberish")], [])
    store.put_tasks(1, [(CANCEL, "train")])
    store.put_tasks(10, [(CANCEL, "too easy")])
    store.put_tasks(2, [(CANCEL, "validation")])
    store.put_episodes("train", "1/0", [episode(1.0), episode(None)])
    store.put_metrics("train 1", 1, {"reward": 0.5})
    assert [(row["round"], row["status"]) for row in view.tasks()] == [
        (1, "train"),
        (2, "validation"),
        (10, "too easy"),
    ]
    assert view.tasks()[0]["instruction"] == CANCEL.instruction
    assert view.metrics() == [{"stage": "train 1", "step": 1, "reward": 0.5}]
    assert [row["reward"] for row in view.episodes()] == [1.0, None]


def test_proposals_tell_what_became_of_them(store: Store) -> None:
    passed = Verdict(Outcome.PASSED, Stage.NEW)
    proposals = [
        Proposal(0, 1, FELL, COUNT),
        Proposal(1, 1, FELL, raw="gibberish"),
        Proposal(2, 1, passed, CANCEL),
    ]
    store.put_proposals(1, "1/0", proposals, [])
    fell, unread, kept = selfchal.open_run(store.directory).proposals()
    assert (fell["stage"], fell["reason"], fell["id"]) == ("strong", "nothing changes", "count")
    assert fell["check"] == "strength"
    assert fell["diagnostics"] == {"mutants": 3}
    assert unread["instruction"] == "gibberish"
    assert (kept["outcome"], kept["stage"], kept["check"]) == ("passed", "kept", "")


def test_episodes_are_chosen_by_purpose_and_task_and_come_in_order(store: Store) -> None:
    store.put_episodes("evaluate", "after/sampled/000000", [episode(1.0)])
    store.put_episodes("evaluate", "before/sampled/000000", [episode(0.0)])
    store.put_episodes("train", "1/0000000001", [episode(0.5)])
    view = selfchal.open_run(store.directory)
    evaluated = [(row["batch"].partition("/")[0], row["reward"]) for row in view.episodes("evaluate")]
    assert evaluated == [("after", 1.0), ("before", 0.0)]
    assert [row["purpose"] for row in view.episodes()] == ["train", "evaluate", "evaluate"]
    assert len(list(view.episodes("train", task="cancel"))) == 1
    assert list(view.episodes("train", task="other")) == []
    with pytest.raises(
        ValueError, match="no episodes are for 'training'; they are for exam, challenge, train"
    ):
        list(view.episodes("training"))


def test_rows_are_json_and_pandas_takes_them(store: Store) -> None:
    pandas = pytest.importorskip("pandas", reason="comes with the extra trl")
    store.put_proposals(1, "1/0", [Proposal(0, 1, FELL, COUNT)], [])
    store.put_tasks(1, [(CANCEL, "train")])
    store.put_episodes("train", "1/0", [episode(1.0), episode(0.0)])
    store.put_metrics("train 1", 1, {"reward": 0.5})
    view = selfchal.open_run(store.directory)
    for rows in (view.tasks(), list(view.proposals()), list(view.episodes()), view.metrics()):
        assert json.loads(json.dumps(rows)) == rows
        assert len(pandas.DataFrame(rows)) == len(rows) > 0
    assert pandas.DataFrame(view.episodes("train"))["reward"].mean() == 0.5
    assert {type(row["end"]) for row in view.episodes()} == {str}


def test_results_are_what_the_run_wrote(store: Store) -> None:
    view = selfchal.open_run(store.directory)
    (store.directory / RESULTS).write_text('{"before": {"pass@1": 0.5}}')
    assert view.results()["before"]["pass@1"] == 0.5
    (store.directory / RESULTS).write_text("{")
    with pytest.raises(StoreError, match=r"cannot read .*results\.json"):
        view.results()
    assert view.manifest() == MANIFEST


def test_a_directory_without_a_run_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is no run directory"):
        selfchal.open_run(tmp_path)
