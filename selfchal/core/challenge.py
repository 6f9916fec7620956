"""The challenge stage: proposals in batches until enough are kept, the supply or the budget ends."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from selfchal.core.challenger_training import group_size
from selfchal.core.coverage import focus
from selfchal.core.evaluation import held_out
from selfchal.core.judge import FUNNEL, Stage
from selfchal.core.judging.novelty import HeldOut, settle
from selfchal.core.lab import Lab
from selfchal.core.rollout import Engine
from selfchal.core.synthesizer import Commission, Proposal, Workshop

PAPER_STAGES = FUNNEL[: FUNNEL.index(Stage.FAILURES_FAILED) + 1]


def challenge(lab: Lab, round_: int) -> list[Proposal]:
    """All proposals of a round, judged. Batches that are stored are not made again.

    After the first round the challenger is asked for what the tasks so far leave out.
    """
    settings, config = lab.manifest.settings, lab.manifest.synthesizer.config
    wanted: int = config.tasks  # type: ignore[attr-defined]  # every synthesizer's Config says how many
    most: int = config.proposals  # type: ignore[attr-defined]
    most = min(most, settings.budget.proposals or most)
    lab.watcher.stage(f"challenge {round_}", most, "proposals")
    proposals = list(lab.store.proposals(round_))
    if lab.store.has("tasks", str(round_)):  # it ended, by its budget perhaps: a resumed run makes no more
        return proposals
    earlier = [task for past in range(1, round_) for task, _ in lab.store.tasks(past)]
    wanted_tools = focus(lab.environment, earlier)
    before = lab.store.fact("seconds", {}).get(f"challenge {round_}", 0.0)  # of interrupted attempts
    started, batch = time.monotonic() - before, settings.rollout.batch
    while len(proposals) < most and _kept(proposals) < wanted and not _spent(lab, started):
        indices = range(len(proposals), min(most, len(proposals) + batch))
        proposals += _make(lab, round_, indices, wanted_tools)
        lab.watcher.advance(len(proposals), outcomes(proposals))
    return proposals


def _make(lab: Lab, round_: int, indices: Sequence[int], tools: Sequence[str]) -> list[Proposal]:
    workshop = Workshop(lab.environment, lab.sandbox, lab.setting.limits, lab.judge)
    # a challenger that is trained is compared with itself, on one and the same context
    alike = group_size(lab.manifest.trainer) if lab.manifest.settings.curriculum.train_challenger else 1
    seeds = [lab.seed("challenge", round_, index // alike) for index in indices]
    commissions = [Commission(i, round_, seed, tuple(tools)) for i, seed in zip(indices, seeds, strict=True)]
    scenes = [lab.synthesizer.scene(commission, workshop) for commission in commissions]
    rollout = lab.manifest.settings.rollout
    sampling = lab.sampling(rollout.temperature, lab.seed("proposals", round_, indices[0]), challenge=True)
    engine = Engine(lab.challenger, sampling, rollout.batch, rollout.lockstep)
    episodes = engine.roll(scenes, list(indices))
    proposals = _settled(lab, [scene.proposal for scene in scenes])
    lab.store.put_proposals(round_, f"{round_}/{indices[0]:06d}", proposals, episodes)
    lab.hooks.proposals_judged(proposals)
    lab.hooks.episodes_finished("challenge", episodes)
    return proposals


def _settled(lab: Lab, proposals: Sequence[Proposal]) -> list[Proposal]:
    """Refuse near-duplicates of kept tasks and neighbours of held-out ones, where the judge goes so far:
    whoever asks for the paper's filter gets the paper's set, twins included."""
    if not any(p.verdict.passed and p.verdict.reached not in PAPER_STAGES for p in proposals):
        return list(proposals)
    earlier = [p.task for p in lab.store.proposals() if p.task and p.verdict.passed]
    verdicts = settle([(p.task, p.verdict) for p in proposals], earlier, HeldOut.of(held_out(lab)))
    return [replace(p, verdict=verdict) for p, verdict in zip(proposals, verdicts, strict=True)]


def outcomes(proposals: Sequence[Proposal]) -> Counter[str]:
    """How many were kept, and at which stage the others fell."""
    return Counter("kept" if p.verdict.passed else f"not {p.verdict.stage}" for p in proposals)


def _kept(proposals: Sequence[Proposal]) -> int:
    return sum(proposal.verdict.passed for proposal in proposals)


def _spent(lab: Lab, started: float) -> bool:
    budget = lab.manifest.settings.budget
    if budget.minutes is not None and time.monotonic() - started > 60 * budget.minutes:
        lab.watcher.note(f"the budget of {budget.minutes:g} minutes is spent; going on with what there is")
        return True
    if budget.tokens is not None:
        sampled = sum(sum(episode.mask) for episode in lab.store.episodes("challenge"))
        return sampled > budget.tokens
    return False
