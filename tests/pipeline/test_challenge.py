"""The challenge stage: how much is proposed, by whichever synthesizer, and how the checks compare what was proposed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel

from selfchal.core.episode import End, SceneResult
from selfchal.core.errors import ModelError
from selfchal.core.judge import Outcome, Stage, Verdict
from selfchal.core.model import Message
from selfchal.core.sandbox import Sandbox
from selfchal.core.synthesizer import Proposal, ProposalContext, ProposalRequest
from selfchal.core.task import Task
from selfchal.pipeline.challenge import challenge as make_proposals
from selfchal.pipeline.challenge import count_next
from selfchal.pipeline.context import open_context
from selfchal.pipeline.loop import run
from selfchal.pipeline.store import Store
from selfchal.pipeline.watch import Watchers
from tests.pipeline.learner import Empty, Own, manifest_of


@dataclass
class CopyScene:
    """Proposes one and the same kind of task, whatever the model says; every second one is refused."""

    request: ProposalRequest
    environment: str
    name: str = "copy"
    proposal: Proposal = field(init=False)

    def start(self) -> Sequence[Message]:
        return [Message("user", "challenger, propose")]

    def step(self, text: str) -> Message | None:
        number = self.request.index
        task = Task(f"copy{number}", "", {}, f"What is {number} times {number}?", "", "", ())
        verdict = Verdict(Outcome.FAILED if number % 2 else Outcome.PASSED, Stage.PARSED)
        self.proposal = Proposal(number, self.request.round, verdict, task)
        return None

    def finish(self, cut: End | None, refusal: str = "") -> SceneResult:
        return SceneResult(cut or End.ANSWER)


class Copies:
    name: ClassVar[str] = "copies"
    Config: ClassVar[type[BaseModel]] = Empty

    def __init__(self, config: BaseModel) -> None:
        pass

    def scene(self, request: ProposalRequest, context: ProposalContext) -> CopyScene:
        return CopyScene(request, context.arena.environment.name)


@pytest.mark.parametrize(
    ("challenge", "proposed"),
    [({"tasks": 3, "proposals": 20}, 6), ({"tasks": 100, "proposals": 6}, 6), ({"tasks": 1}, 2)],
)
def test_the_core_says_how_much_is_proposed_and_names_the_environment(
    tmp_path: Path,
    process_sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    challenge: dict[str, int],
    proposed: int,
) -> None:
    monkeypatch.setitem(Own.own, "copies", Copies)
    manifest = manifest_of(process_sandbox, synthesizer={"name": "copies"}, challenge=challenge, trainer=None)
    with Store.create(tmp_path, manifest.resolved()) as store:
        run(manifest, store, Watchers())
        proposals = list(store.proposals())
        episodes = list(store.episodes("challenge"))
    assert len(proposals) == proposed, (
        "until enough are kept or no more may be made, and hardly more than that"
    )
    assert (
        {p.environment for p in proposals} == {p.task.environment for p in proposals if p.task} == {"counter"}
    )
    assert {episode.environment for episode in episodes} == {"counter"}


@pytest.mark.parametrize(
    ("made", "kept", "wanted", "alike", "count"),
    [
        (0, 0, 20, 1, 32),  # a whole batch, of which nobody knows anything
        (0, 0, 4, 1, 8),  # half of them are taken to be kept
        (32, 19, 20, 1, 2),  # not another 32, of which 19 would be kept
        (32, 31, 40, 1, 10),
        (64, 0, 20, 1, 32),
        (0, 0, 5, 4, 12),  # those that belong together stay together
    ],
)
def test_the_next_batch_is_as_large_as_what_is_missing(
    made: int, kept: int, wanted: int, alike: int, count: int
) -> None:
    assert count_next(made, kept, wanted, 32, alike) == count


def test_a_challenger_whose_prompt_does_not_fit_is_found_before_anything_is_measured(
    tmp_path: Path, process_sandbox: Sandbox
) -> None:
    manifest = manifest_of(process_sandbox, rollout={"challenge_tokens": 100_000, "max_tokens": 16})
    with (
        Store.create(tmp_path, manifest.resolved()) as store,
        pytest.raises(
            ModelError, match=r"'proposal-1-0' and one turn need .*of a challenger rollout\.challenge"
        ),
    ):
        run(manifest, store, Watchers())
    with Store.read(tmp_path) as store:
        assert not store.keys("evaluate")


def test_where_it_is_not_said_25_proposals_are_made_for_each_wanted_task(process_sandbox: Sandbox) -> None:
    manifest = manifest_of(process_sandbox, challenge={"tasks": 800})
    assert manifest.settings.challenge.most_proposals == 20_000


def propose(directory: Path, sandbox: Sandbox, **changes: Any) -> list[Proposal]:
    manifest = manifest_of(sandbox, **changes)
    with (
        Store.create(directory, manifest.resolved()) as store,
        open_context(manifest, store, Watchers()) as context,
    ):
        return make_proposals(context, 1)


def kept(proposals: Sequence[Proposal]) -> list[int]:
    return [proposal.index for proposal in proposals if proposal.verdict.passed]


def test_a_task_is_compared_with_those_of_its_batch_and_of_all_before(
    tmp_path: Path, process_sandbox: Sandbox
) -> None:
    """Every sound proposal asks for the orders of one of two users, in the context of one of two."""
    proposals = propose(tmp_path / "all", process_sandbox)
    assert len(kept(proposals)) == 4
    fell = [p.verdict for p in proposals if p.verdict.stage == "new"]
    ids = {p.task.id for p in proposals if p.task and p.verdict.passed}
    assert len(fell) > 2
    assert {verdict.diagnostics["novelty"]["near_duplicate_of"] for verdict in fell} <= ids
    without = propose(tmp_path / "without", process_sandbox, checks=[{"name": "novelty", "enabled": False}])
    assert kept(without) == [p.index for p in proposals if p.verdict.passed or p.verdict.stage == "new"]


@pytest.mark.parametrize("filters", ["paper", "full"])
def test_the_papers_filter_compares_nothing(tmp_path: Path, process_sandbox: Sandbox, filters: str) -> None:
    rows = {"name": "code_as_task", "revisions": 0, "filters": filters}
    proposals = propose(tmp_path, process_sandbox, synthesizer=rows)
    assert any(p.verdict.stage == "new" for p in proposals) == (filters == "full")
