"""The challenge stage: which checks of the manifest judge the proposals of a batch and compare them with all before."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from selfchal.core.sandbox import Sandbox
from selfchal.core.synthesizer import Proposal
from selfchal.pipeline.challenge import challenge
from selfchal.pipeline.context import open_context
from selfchal.pipeline.store import Store
from selfchal.pipeline.watch import Watchers
from tests.pipeline.learner import manifest_of


def propose(directory: Path, sandbox: Sandbox, **changes: Any) -> list[Proposal]:
    manifest = manifest_of(sandbox, **changes)
    with (
        Store.create(directory, manifest.resolved()) as store,
        open_context(manifest, store, Watchers()) as context,
    ):
        return challenge(context, 1)


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
