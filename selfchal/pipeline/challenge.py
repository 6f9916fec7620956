"""The challenge stage: proposals are made in batches until enough are kept, or no more may be made."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from selfchal.core.engine import ProposalOrder
from selfchal.core.synthesizer import Proposal, ProposalRequest
from selfchal.core.task import Task
from selfchal.judging.coverage import focus
from selfchal.pipeline.budget import find_exhausted
from selfchal.pipeline.context import RunContext
from selfchal.pipeline.exam import draw_seed, judge_fully, set_exam_apart
from selfchal.pipeline.manifest.sections import PROPOSALS_A_TASK
from selfchal.pipeline.outcomes import count_outcomes
from selfchal.pipeline.sources import source_tasks
from selfchal.pipeline.test_sets import EXAM_ROUND, held_out
from selfchal.rollout.rollout import Rollout


@dataclass(frozen=True)
class _Plan:
    """What is to be proposed, and how it is stored."""

    round: int
    stage: str
    purpose: str  # of the stored episodes
    tasks: int  # kept tasks wanted
    proposals: int  # at most
    tools: Mapping[str, tuple[str, ...]]  # by environment those that the challenger is asked to use
    alike: int = 1  # proposals in a row that share their seed, and with it their context


def challenge(context: RunContext, round_: int) -> list[Proposal]:
    """All proposals of a round, judged; none without a synthesizer. Stored batches are not made again.

    The challenger is asked for what the tasks so far leave out, once there are any.
    """
    section = context.manifest.settings.challenge
    if context.synthesizer is None:
        return []
    earlier = [task for past in range(1, round_) for task, _ in context.store.tasks(past)]
    # a challenger that is trained is compared with itself, on one and the same context
    trains = context.manifest.settings.curriculum.train_challenger
    plan = _Plan(
        round_,
        f"challenge {round_}",
        "challenge",
        section.tasks,
        section.most_proposals,
        _find_focus(context, [*source_tasks(context), *earlier]),
        context.trainer.make().group_size() if trains else 1,
    )
    return _propose(context, plan)


def _find_focus(context: RunContext, tasks: Sequence[Task]) -> dict[str, tuple[str, ...]]:
    """By environment the tools that its tasks leave out."""
    return {
        name: focus(of.environment, [task for task in tasks if task.environment == name])
        for name, of in context.environments.items()
    }


def make_exam(context: RunContext) -> None:
    """Propose the exam's tasks, judge them, and set them apart; a stored exam is not made again."""
    wanted = context.manifest.settings.evaluation.exam
    if context.synthesizer is None or not wanted:
        return
    plan = _Plan(EXAM_ROUND, "make the exam", "exam", wanted, PROPOSALS_A_TASK * wanted, {})
    proposals = _propose(context, plan)
    set_exam_apart(context, [p.task for p in proposals if p.task and p.verdict.passed], wanted)


def _propose(context: RunContext, plan: _Plan) -> list[Proposal]:
    """Proposals until as many are kept as wanted, or no more may be made; those that are stored count."""
    proposals = list(context.store.proposals(plan.round))
    with context.watch.stage(plan.stage, plan.proposals, "proposals"):
        context.watch.progress(len(proposals), count_outcomes(proposals))
        if context.store.has("tasks", str(plan.round)):
            return proposals  # the stage ended before, by its time perhaps: a resumed run makes no more
        before = context.store.fact("seconds", {}).get(plan.stage, 0.0)  # of interrupted attempts
        started, batch = time.monotonic() - before, context.manifest.settings.rollout.batch
        while (
            len(proposals) < plan.proposals
            and _count_kept(proposals) < plan.tasks
            and not _has_proposed_enough(context, started)
        ):
            count = count_next(len(proposals), _count_kept(proposals), plan.tasks, batch, plan.alike)
            count = min(count, plan.proposals - len(proposals))
            proposals += _make_proposals(context, plan, proposals, count)
            context.watch.progress(len(proposals), count_outcomes(proposals))
    return proposals


def count_next(made: int, kept: int, wanted: int, batch: int, alike: int = 1) -> int:
    """How many proposals the next batch has: a whole ``batch``, or as many as will give the missing tasks if
    the same share of them is kept as so far. ``alike`` of them belong together.

    Without that the last batch of a run that wants few tasks would be mostly waste, which is paid for where
    the challenger is an endpoint. Before anything was made half of all proposals are taken to be kept.
    """
    share = (kept + 1) / (made + 2)  # Laplace's rule of succession
    groups = math.ceil((wanted - kept) / share / alike)
    return min(batch, groups * alike)


def check_challenger(context: RunContext) -> None:
    """Raise ModelError where the challenger's first prompt does not fit: now, and not after an evaluation."""
    if context.synthesizer is None:
        return
    request = ProposalRequest(0, 1, context.seed("challenge", 1, 0))
    for of in context.environments.values():
        scene = context.synthesizer.scene(request, of.proposal_context)
        _make_rollout(context, context.seed("check")).check(scene)


def _make_rollout(context: RunContext, seed: int) -> Rollout:
    rollout = context.manifest.settings.rollout
    sampling = context.sampling(rollout.temperature, seed, challenge=True)
    return Rollout(context.challenger, sampling, rollout.batch, rollout.lockstep)


def _make_proposals(
    context: RunContext, plan: _Plan, earlier: Sequence[Proposal], count: int
) -> list[Proposal]:
    """The next ``count`` proposals of a round, after the ``earlier`` ones."""
    first = len(earlier)
    orders = _order_proposals(context, plan, earlier, count)
    rollout = _make_rollout(context, context.seed("proposals", plan.round, first))
    finished = context.play(orders, rollout, lambda ended: context.watch.count(first + ended))
    made = [
        _name_environment(one.proposal, order.environment)
        for one, order in zip(finished, orders, strict=True)
        if one.proposal
    ]
    if plan.round == EXAM_ROUND:
        made = [judge_fully(context, proposal) for proposal in made]
    proposals, episodes = _compare(context, made), [one.episode for one in finished]
    key = f"{plan.round}/{first:06d}"
    context.store.put_proposals(plan.round, key, proposals, episodes, plan.purpose)
    context.watch.proposals_judged(proposals)
    context.watch.episodes_finished(plan.purpose, episodes)
    return proposals


def _order_proposals(
    context: RunContext, plan: _Plan, earlier: Sequence[Proposal], count: int
) -> list[ProposalOrder]:
    """They are dealt by shares to the environments that lack tasks. Those that share a seed go to one."""
    kept = Counter(proposal.environment for proposal in earlier if proposal.verdict.passed)
    made = Counter(proposal.environment for proposal in earlier)
    shares = context.shares
    wanted = {name: plan.tasks * share / sum(shares.values()) for name, share in shares.items()}
    lacking = {name: share for name, share in shares.items() if kept[name] < wanted[name]}
    dealt = deal(count, plan.alike, lacking or shares, made)
    orders = []
    for index, name in enumerate(dealt, start=len(earlier)):
        seed = _draw_seed(context, plan, name, made[name] // plan.alike)
        request = ProposalRequest(index, plan.round, seed, plan.tools.get(name, ()))
        orders.append(ProposalOrder(name, request))
        made[name] += 1
    return orders


def deal(count: int, alike: int, shares: Mapping[str, float], made: Mapping[str, int]) -> list[str]:
    """The environments of the next ``count`` proposals, ``alike`` in a row for the same one.

    Each goes to the one that has had the fewest for its share, so that none waits for another in which
    hardly anything is kept.
    """
    dealt: list[str] = []
    had = Counter(made)
    while len(dealt) < count:
        name = min(shares, key=lambda name: had[name] / shares[name])
        had[name] += alike
        dealt += [name] * min(alike, count - len(dealt))
    return dealt


def _draw_seed(context: RunContext, plan: _Plan, name: str, number: int) -> int:
    """The seed of a proposal. Where there is an exam, its contexts and those of the rounds are kept apart."""
    seed = context.seed("challenge", plan.round, number)
    if not context.manifest.settings.evaluation.exam:
        return seed
    environment = context.environments[name].environment
    return draw_seed(environment, seed, for_exam=plan.round == EXAM_ROUND)


def _name_environment(proposal: Proposal, name: str) -> Proposal:
    task = replace(proposal.task, environment=name) if proposal.task else None
    return replace(proposal, task=task, environment=name)


def _compare(context: RunContext, proposals: Sequence[Proposal]) -> list[Proposal]:
    """The proposals once they were compared with each other, with all tasks kept before and with the held-out
    tasks."""
    earlier = (p.task for p in context.store.proposals() if p.task and p.verdict.passed)
    judged = [(p.task, p.verdict) for p in proposals]
    verdicts = context.comparing_judge.compare(judged, earlier, held_out(context))
    return [replace(p, verdict=verdict) for p, verdict in zip(proposals, verdicts, strict=True)]


def _count_kept(proposals: Sequence[Proposal]) -> int:
    return sum(proposal.verdict.passed for proposal in proposals)


def _has_proposed_enough(context: RunContext, started: float) -> bool:
    """Are the minutes or tokens over that the manifest gives to a challenge, or to the run?"""
    limits = context.manifest.settings.challenge
    if limits.minutes is not None and time.monotonic() - started > 60 * limits.minutes:
        context.watch.note(f"{limits.minutes:g} minutes of challenge are over; going on with what there is")
        return True
    if limits.tokens is not None:
        sampled = sum(context.ledger.total(purpose).sampled for purpose in ("exam", "challenge"))
        if sampled > limits.tokens:
            context.watch.note(f"{sampled:,} tokens of challenge are sampled; going on with what there is")
            return True
    if exhausted := find_exhausted(context):
        context.watch.note(f"{exhausted}; going on with what there is")
    return bool(exhausted)
