"""What a run spends: counted from what is stored, priced, kept within a budget, and estimated before."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from selfchal.core.episode import Episode
from selfchal.core.errors import ManifestError
from selfchal.core.hookspecs import hookimpl
from selfchal.core.model import Prices
from selfchal.core.sandbox import Sandbox
from selfchal.core.watcher import RunInfo
from selfchal.core.world import Json
from selfchal.pipeline.costs import Ledger, Usage, list_cut_lines, measure_usage
from selfchal.pipeline.loop import run
from selfchal.pipeline.pilot import Pilot, advise, forecast, run_pilot, share_without_signal
from selfchal.pipeline.store import Store
from selfchal.pipeline.watch import Watchers
from tests.pipeline.learner import Learner, Own, manifest_of

pytestmark = pytest.mark.torch  # the trainer of these runs saves its state with it


def episode(mask: list[int]) -> Episode:
    return Episode("t", 0, ids=[7] * len(mask), mask=mask)


def test_a_conversation_is_read_again_at_every_turn() -> None:
    two_turns = episode([0, 0, 0, 1, 1, 0, 1])
    assert measure_usage([two_turns]) == Usage(episodes=1, sampled=3, read=3 + 6, turns=2)


@given(st.lists(st.lists(st.sampled_from([0, 1]), max_size=30), max_size=5))
def test_usage_equals_a_count_turn_by_turn(masks: list[list[int]]) -> None:
    masks = [[0, *mask] for mask in masks]  # something is always said before the first turn
    starts = [i for mask in masks for i in range(1, len(mask)) if mask[i] and not mask[i - 1]]
    usage = measure_usage(map(episode, masks))
    assert usage == Usage(len(masks), sum(map(sum, masks)), sum(starts), len(starts))


def test_turns_that_were_cut_are_counted_and_told_with_their_limit() -> None:
    cut = episode([0, 1, 0, 1])
    cut.cut_turns = [1]
    usage = measure_usage([cut, episode([0, 1, 0, 1])])
    assert (usage.turns, usage.cut) == (4, 1)
    assert list_cut_lines(
        {"challenge": asdict(usage), "train": asdict(Usage(1, 2, 3, 4)), "all": asdict(usage)}
    ) == ["challenge: 1 of 4 turns were cut at rollout.challenge_tokens (25.0%)"]


def test_prices_are_for_a_million_tokens() -> None:
    assert Usage(1, sampled=500_000, read=2_000_000).price(Prices(input=0.5, output=4)) == 3.0


class Paid(Learner):
    """The learner at an endpoint that asks for money."""

    name: ClassVar[str] = "paid"

    @classmethod
    def prices(cls, config: BaseModel) -> Prices | None:
        return Prices(input=1.0, output=10.0)


class Unknown(Learner):
    """The same without anybody knowing what it costs."""

    name: ClassVar[str] = "unknown"

    @classmethod
    def prices(cls, config: BaseModel) -> Prices | None:
        return None


@pytest.fixture(autouse=True)
def _models(monkeypatch: pytest.MonkeyPatch) -> None:
    for model in (Paid, Unknown):
        monkeypatch.setitem(Own.own, model.name, model)


class Notes:
    """Remembers what a run says."""

    def __init__(self) -> None:
        self.said: list[str] = []

    @hookimpl
    def note(self, run: RunInfo, text: str) -> None:
        self.said.append(text)


def run_with(directory: Path, sandbox: Sandbox, **changes: Any) -> tuple[dict[str, Json], list[str]]:
    manifest, watchers, notes = manifest_of(sandbox, **changes), Watchers(), Notes()
    watchers.add(notes, "notes")
    with Store.create(directory, manifest.resolved()) as store:
        return run(manifest, store, watchers), notes.said


PAID = {"name": "paid"}


def test_results_say_what_was_spent_on_what_and_for_what(tmp_path: Path, process_sandbox: Sandbox) -> None:
    results, _ = run_with(tmp_path, process_sandbox, model=PAID)
    costs = results["costs"]
    assert costs["challenge"]["episodes"] == 12
    assert costs["evaluate"]["episodes"] == 4 * (2 + 1) * 2 + 4
    parts = [costs[purpose] for purpose in ("challenge", "train", "evaluate")]
    for name in ("episodes", "sampled", "read"):
        assert costs["all"][name] == sum(part[name] for part in parts)
    assert costs["all"]["money"] == pytest.approx(
        (costs["all"]["read"] + 10 * costs["all"]["sampled"]) / 1e6, abs=1e-4
    )
    assert costs["all"]["seconds"] > 0
    assert results["per_kept_task"]["money"] > 0
    gain = 100 * results["difference"]["mean"]
    assert gain > 0
    assert results["per_point"]["tokens"] == pytest.approx(costs["all"]["sampled"] / gain, rel=1e-3)


@pytest.mark.parametrize("model", ["learner", "unknown"])
def test_without_prices_no_money_is_named(tmp_path: Path, process_sandbox: Sandbox, model: str) -> None:
    results, _ = run_with(tmp_path, process_sandbox, model={"name": model})
    assert "money" not in results["costs"]["all"]
    assert "money" not in results["per_kept_task"]


def test_a_budget_of_tokens_holds_for_all_stages_and_the_run_is_measured_to_its_end(
    tmp_path: Path, process_sandbox: Sandbox
) -> None:
    whole, _ = run_with(tmp_path / "whole", process_sandbox)
    first = whole["costs"]["evaluate"]["sampled"] // 2
    tokens = 2 * first + whole["costs"]["challenge"]["sampled"] // 2
    results, said = run_with(tmp_path / "short", process_sandbox, budget={"tokens": tokens})
    assert results["costs"]["challenge"]["sampled"] < whole["costs"]["challenge"]["sampled"]
    assert "after" in results
    batch = (
        whole["costs"]["challenge"]["sampled"] / 3
    )  # of four proposals: what one stored batch may exceed by
    assert results["costs"]["all"]["sampled"] < tokens + batch + whole["costs"]["train"]["sampled"]
    assert any(text.startswith(f"the budget of {tokens:,} tokens is used up") for text in said)


def test_a_budget_of_money_needs_prices(process_sandbox: Sandbox) -> None:
    with pytest.raises(ManifestError, match=r"budget\.money needs to know what model 'unknown' costs"):
        manifest_of(process_sandbox, budget={"money": 1.0}, model={"name": "unknown"})
    manifest_of(process_sandbox, budget={"money": 1.0}, model=PAID)


def test_a_budget_that_is_used_up_at_once_still_gives_results(
    tmp_path: Path, process_sandbox: Sandbox
) -> None:
    results, said = run_with(tmp_path, process_sandbox, budget={"money": 1e-9}, model=PAID)
    assert results["funnel"]["proposed"] == 0
    assert results["after"]["pass@1"] == results["before"]["pass@1"]
    assert any("in money is used up" in text for text in said)


def test_the_ledger_counts_what_was_stored_since_it_was_asked(tmp_path: Path) -> None:
    with Store.create(tmp_path, {"run": {"name": "r"}}) as store:
        ledger = Ledger(store)
        assert ledger.total("train") == Usage()
        store.put_episodes("train", "1/0", [episode([0, 1])])
        store.put_episodes("train", "2/0", [episode([0, 0, 1, 1])])
        assert ledger.total("train") == Usage(2, 3, 3, 2)
        assert ledger.total("train", "2/") == Usage(1, 2, 2, 1)


def test_a_pilot_tries_a_few_and_leaves_nothing(tmp_path: Path, process_sandbox: Sandbox) -> None:
    manifest = manifest_of(process_sandbox, challenge={"tasks": 30, "proposals": 300})
    pilot = run_pilot(manifest, 8, Watchers())
    assert pilot.proposed == sum(pilot.outcomes.values()) == 8
    assert 0 < pilot.kept < 8
    assert len(pilot.rates) == min(4, pilot.kept)
    assert pilot.proposing.episodes == 8
    assert pilot.playing.episodes == 2 * len(pilot.rates), "the trainer's group size"
    whole = forecast(manifest, pilot, held_out_tasks=4)
    assert whole.usage["challenge"].episodes == round(30 * 8 / pilot.kept)
    assert whole.usage["evaluate"].episodes == 4 * (2 + 1) * 2 + 4
    assert whole.usage["train"].episodes == 12
    assert whole.money is None
    assert all(least <= most for least, most in whole.seconds.values())


def tried(*rates: float, kept: int = 4) -> Pilot:
    usage = Usage(8, 800, 4000)
    outcomes = {"kept": kept, "not strong": 8 - kept} if kept else {"not strong": 5, "not parsed": 3}
    return Pilot(8, outcomes, usage, 4.0, rates, 8, usage, 2.0)


@pytest.mark.parametrize(
    ("pilot", "group_size", "said"),
    [
        (
            tried(1.0, 1.0, 1.0, 0.5),
            8,
            "3 of 4 tasks are solved always: there is little to learn, make harder ones",
        ),
        (tried(0.0, 0.0, 0.0, 0.5), 8, "3 of 4 tasks are never solved"),
        (tried(0.5, 0.25), 8, "Training has something to learn from."),
        (tried(kept=0), 8, "No proposal was kept; most were not strong."),
    ],
)
def test_it_says_whether_training_is_worth_it(pilot: Pilot, group_size: int, said: str) -> None:
    assert said in " ".join(advise(pilot, group_size))


def test_groups_whose_rewards_are_all_equal_have_no_signal() -> None:
    assert share_without_signal([1.0, 0.0], 8) == 1.0
    assert share_without_signal([0.5], 2) == 0.5
