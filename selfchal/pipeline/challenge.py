"""The challenge stage: proposals are made in batches until enough are kept, or no more may be made."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from selfchal.core.synthesizer import Proposal, ProposalContext, ProposalRequest, Synthesizer
from selfchal.judging.coverage import focus
from selfchal.pipeline.context import RunContext
from selfchal.pipeline.evaluation import held_out
from selfchal.pipeline.outcomes import count_outcomes
from selfchal.pipeline.sources import source_tasks
from selfchal.rollout.engine import Engine


def challenge(context: RunContext, round_: int) -> list[Proposal]:
    """All proposals of a round, judged; none without a synthesizer. Stored batches are not made again.

    The challenger is asked for what the tasks so far leave out, once there are any.
    """
    settings = context.manifest.settings
    if context.synthesizer is None:
        return []
    wanted, most = settings.challenge.tasks, settings.challenge.most_proposals
    with context.watch.stage(f"challenge {round_}", most, "proposals"):
        return _propose(context, context.synthesizer, round_, wanted, most)


def _propose(
    context: RunContext, synthesizer: Synthesizer, round_: int, wanted: int, most: int
) -> list[Proposal]:
    """Proposals until ``wanted`` are kept, at most ``most``; those that are stored count."""
    proposals = list(context.store.proposals(round_))
    context.watch.progress(len(proposals), count_outcomes(proposals))
    if context.store.has("tasks", str(round_)):
        return proposals  # the stage ended before, by its time perhaps: a resumed run makes no more
    earlier = [task for past in range(1, round_) for task, _ in context.store.tasks(past)]
    wanted_tools = focus(context.sole.environment, [*source_tasks(context), *earlier])
    before = context.store.fact("seconds", {}).get(f"challenge {round_}", 0.0)  # of interrupted attempts
    started, batch = time.monotonic() - before, context.manifest.settings.rollout.batch
    while (
        len(proposals) < most
        and _count_kept(proposals) < wanted
        and not _has_proposed_enough(context, started)
    ):
        indices = range(len(proposals), min(most, len(proposals) + batch))
        proposals += _make_proposals(context, synthesizer, round_, indices, wanted_tools)
        context.watch.progress(len(proposals), count_outcomes(proposals))
    return proposals


def _make_proposals(
    context: RunContext,
    synthesizer: Synthesizer,
    round_: int,
    indices: Sequence[int],
    tools: Sequence[str],
) -> list[Proposal]:
    proposal_context = ProposalContext(context.sole.arena, context.sole.judge)
    # a challenger that is trained is compared with itself, on one and the same context
    trains = context.manifest.settings.curriculum.train_challenger
    alike = context.trainer.make().group_size() if trains else 1
    seeds = [context.seed("challenge", round_, index // alike) for index in indices]
    requests = [
        ProposalRequest(i, round_, seed, tuple(tools)) for i, seed in zip(indices, seeds, strict=True)
    ]
    scenes = [synthesizer.scene(request, proposal_context) for request in requests]
    rollout = context.manifest.settings.rollout
    sampling = context.sampling(
        rollout.temperature, context.seed("proposals", round_, indices[0]), challenge=True
    )
    engine = Engine(context.challenger, sampling, rollout.batch, rollout.lockstep)
    episodes = engine.roll(scenes, list(indices), lambda ended: context.watch.count(indices[0] + ended))
    made = [_name_environment(scene.proposal, scene.environment) for scene in scenes]
    proposals = _compare(context, made)
    context.store.put_proposals(round_, f"{round_}/{indices[0]:06d}", proposals, episodes)
    context.watch.proposals_judged(proposals)
    context.watch.episodes_finished("challenge", episodes)
    return proposals


def _name_environment(proposal: Proposal, name: str) -> Proposal:
    task = replace(proposal.task, environment=name) if proposal.task else None
    return replace(proposal, task=task, environment=name)


def _compare(context: RunContext, proposals: Sequence[Proposal]) -> list[Proposal]:
    """The proposals once they were compared with each other, with all tasks kept before and with the held-out
    tasks."""
    earlier = (p.task for p in context.store.proposals() if p.task and p.verdict.passed)
    judged = [(p.task, p.verdict) for p in proposals]
    verdicts = context.sole.judge.compare(judged, earlier, held_out(context))
    return [replace(p, verdict=verdict) for p, verdict in zip(proposals, verdicts, strict=True)]


def _count_kept(proposals: Sequence[Proposal]) -> int:
    return sum(proposal.verdict.passed for proposal in proposals)


def _has_proposed_enough(context: RunContext, started: float) -> bool:
    """Are the minutes or tokens over that the manifest gives to a challenge?"""
    limits = context.manifest.settings.challenge
    if limits.minutes is not None and time.monotonic() - started > 60 * limits.minutes:
        context.watch.note(f"{limits.minutes:g} minutes of challenge are over; going on with what there is")
        return True
    if limits.tokens is not None:
        sampled = sum(sum(episode.mask) for episode in context.store.episodes("challenge"))
        return sampled > limits.tokens
    return False
