"""Writes results.json: what a run found, with intervals, and what its score must be compared with."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial

from selfchal.core.judge import FUNNEL, Stage
from selfchal.core.synthesizer import Proposal
from selfchal.core.task import Task
from selfchal.core.world import Json
from selfchal.judging.coverage import coverage
from selfchal.judging.tool_errors import Counts, add_counts
from selfchal.pipeline.context import RunContext, describe_versions
from selfchal.pipeline.costs import compute_money, describe_spent
from selfchal.pipeline.curve import describe_curve
from selfchal.pipeline.evaluation import Measured, Mode, Score, do_nothing_in_run
from selfchal.pipeline.exam import describe_exam, do_nothing_in_exam
from selfchal.pipeline.node_work import NODES
from selfchal.pipeline.openings import OPENED, describe_openings
from selfchal.pipeline.roles import describe_roles
from selfchal.pipeline.selection import TOO_EASY, TOO_HARD
from selfchal.pipeline.sources import ROUND as SOURCE_ROUND
from selfchal.pipeline.statistics import Rows, estimate, paired_difference, pass_at_k, pass_hat_k
from selfchal.pipeline.store import RESULTS
from selfchal.pipeline.test_sets import EXAM_ROUND, EXAM_STATUS, SetName, TestSet, held_out, list_test_sets
from selfchal.pipeline.unjudged import describe_unjudged
from selfchal.write_whole import write_whole

Scores = Mapping[Mode, Score]


def write_results(context: RunContext, before: Measured, after: Measured | None) -> dict[str, Json]:
    """Assemble, store next to the run, and return the results. ``after``: None where nothing was trained.

    What was measured on held-out tasks stands at the top, an exam's scores in a part of their own.
    """
    settings = context.manifest.settings
    proposals = [p for p in context.store.proposals() if p.round != EXAM_ROUND]
    trained = [task for task, status in context.store.tasks() if status != EXAM_STATUS]
    scores = {one.name: _describe_scores(context, one, before, after) for one in list_test_sets(context)}
    exam = scores.get(SetName.EXAM)
    nodes = context.store.fact(NODES)
    costs = describe_spent(context.manifest, context.ledger, context.clock.seconds)
    results: dict[str, Json] = {
        "name": settings.run.name,
        **scores.get(SetName.HELD_OUT, {}),
        "held_out_tasks": len(held_out(context)),
        OPENED: describe_openings(context.store),
        **({"exam": describe_exam(context) | exam} if exam else {}),
        "funnel": funnel(proposals, context),
        "tool_calls": add_counts(map(_read_tool_calls, proposals)),
        "coverage": _describe_coverage(context, trained),
        "costs": costs,
        "per_kept_task": per_kept_task([p for p in proposals if p.round != SOURCE_ROUND], context),
        "per_point": per_point(costs["all"], scores),
        "seconds": context.store.fact("seconds", {}),
        "peak_memory_bytes": peak_memory(),
        **({"nodes": nodes} if nodes else {}),
        "seeds": {"run": settings.run.seed},
        "models": describe_roles(context.manifest),
        "sandbox": context.store.fact("guarantees"),
        "versions": describe_versions(),
    }
    text = json.dumps(results, indent=2, ensure_ascii=False) + "\n"
    write_whole(context.store.directory / RESULTS, lambda part: part.write_text(text, encoding="utf-8"))
    return results


def _describe_scores(
    context: RunContext, on: TestSet, before: Measured, after: Measured | None
) -> dict[str, Json]:
    """All that is said of one test set: rates, differences, and what the untrained model gets anyway."""
    samples = context.manifest.settings.evaluation.samples
    first, last = before[on.name], after[on.name] if after else None
    is_exam = on.name is SetName.EXAM
    curve = describe_curve(context, on, first[Mode.SAMPLED]) if last else []
    idle = do_nothing_in_exam(context) if is_exam else do_nothing_in_run(context)
    apart = by_environment(on.environments, first, last) if len(context.environments) > 1 else {}
    return {
        "before": summary(first, samples),
        **(_compare(first, last, samples) if last else {}),
        **({"curve": curve} if curve else {}),
        "elicitation": elicitation(first, last),
        "by_family": by_family(on.families, first, last),
        **({"by_environment": apart} if apart else {}),
        "do_nothing": estimate(idle).mean,
    }


def _compare(before: Scores, after: Scores, samples: int) -> dict[str, Json]:
    """The trained weights, and their paired differences to the untrained ones."""
    changes = {
        "difference": paired_difference(before[Mode.SAMPLED].rows, after[Mode.SAMPLED].rows),
        "greedy_difference": paired_difference(before[Mode.GREEDY].rows, after[Mode.GREEDY].rows),
    }
    intervals = {name: change.to_json() for name, change in changes.items()}
    return {"after": summary(after, samples), **intervals}


def summary(scores: Scores, samples: int) -> dict[str, Json]:
    """Rates of one moment: sampled with intervals, greedy, and how many episodes could not be judged."""
    sampled, greedy = scores[Mode.SAMPLED].rows, scores[Mode.GREEDY].rows
    parts = {
        "pass@1": estimate(sampled),
        f"pass@{samples}": estimate(sampled, partial(pass_at_k, k=samples), samples),
        f"pass^{samples}": estimate(sampled, partial(pass_hat_k, k=samples), samples),
        "greedy": estimate(greedy),
    }
    rates: dict[str, Json] = {name: part.mean for name, part in parts.items()}
    rates["intervals"] = {name: [part.low, part.high] for name, part in parts.items()}
    rates["warnings"] = {name: part.warning for name, part in parts.items() if part.warning}
    return rates | describe_unjudged(list(scores.values()))


def elicitation(before: Scores, after: Scores | None) -> dict[str, Json]:
    """The untrained model's best showing without training, and what the trained one adds to it."""
    baselines = {mode: before[mode] for mode in (Mode.GREEDY, Mode.FORCED_GREEDY) if mode in before}
    best = max(baselines, key=lambda mode: baselines[mode].rate)
    found = {
        "baselines": {mode.value: estimate(score.rows).to_json() for mode, score in baselines.items()},
        "best": best.value,
    }
    if after is None:
        return found
    gains = {
        "difference": paired_difference(baselines[best].rows, after[Mode.SAMPLED].rows),
        "greedy_difference": paired_difference(baselines[best].rows, after[Mode.GREEDY].rows),
    }
    return found | {name: gain.to_json() for name, gain in gains.items()}


def by_family(families: Mapping[str, str], before: Scores, after: Scores | None) -> dict[str, Json]:
    """pass@1 of each kind of held-out task, before and, where something was trained, after."""
    moments = {"before": before, **({"after": after} if after else {})}

    def rate_of(score: Score, family: str) -> float:
        return estimate({task: rows for task, rows in score.rows.items() if families[task] == family}).mean

    return {
        family: {
            "tasks": sum(name == family for name in families.values()),
            **{when: rate_of(scores[Mode.SAMPLED], family) for when, scores in moments.items()},
        }
        for family in sorted(set(families.values()))
    }


def by_environment(environments: Mapping[str, str], before: Scores, after: Scores | None) -> dict[str, Json]:
    """pass@1 on the tasks of each environment with its interval, and what training changed there."""

    def rows_of(scores: Scores, environment: str) -> Rows:
        rows = scores[Mode.SAMPLED].rows
        return {task: rewards for task, rewards in rows.items() if environments[task] == environment}

    found: dict[str, Json] = {}
    for name in dict.fromkeys(environments.values()):
        first = rows_of(before, name)
        found[name] = {"tasks": len(first), "before": estimate(first).to_json()}
        if after:
            last = rows_of(after, name)
            found[name] |= {
                "after": estimate(last).to_json(),
                "difference": paired_difference(first, last).to_json(),
            }
    return found


def _describe_coverage(context: RunContext, tasks: Sequence[Task]) -> dict[str, Json]:
    """What the tasks touch; by environment where there are several."""
    by_name = {
        name: asdict(coverage(of.environment, [task for task in tasks if task.environment == name]))
        for name, of in context.environments.items()
    }
    return next(iter(by_name.values())) if len(by_name) == 1 else by_name


def funnel(proposals: Sequence[Proposal], context: RunContext) -> dict[str, int]:
    """How many proposals reached each step, from proposed to kept.

    A proposal that passed went through every step that was asked for, so it counts as having reached all.
    """
    reached = [FUNNEL.index(Stage.KEPT if p.verdict.passed else p.verdict.reached) for p in proposals]
    counts = {str(stage): sum(r >= i for r in reached) for i, stage in enumerate(FUNNEL)}
    last_statuses = {task.id: status for task, status in context.store.tasks()}
    aside = sum(status in (TOO_EASY, TOO_HARD) for status in last_statuses.values())
    kept = sum(proposal.verdict.passed for proposal in proposals) - aside
    counts[Stage.IN_BAND] = counts[Stage.KEPT] = kept
    return counts


def _read_tool_calls(proposal: Proposal) -> Counts:
    """The calls of exploring and judging; of a task that was given, and so not explored, those of judging."""
    made: Counts = proposal.diagnostics.get("tool_calls", proposal.verdict.diagnostics.get("tool_calls", {}))
    return made


def per_kept_task(proposals: Sequence[Proposal], context: RunContext) -> dict[str, float] | None:
    """What a kept task cost: tokens that the challenger sampled, seconds of challenge, executions."""
    kept = sum(proposal.verdict.passed for proposal in proposals)
    seconds = context.store.fact("seconds", {})
    usage = context.ledger.total("challenge")
    spent = {
        "tokens": usage.sampled,
        "seconds": sum(value for stage, value in seconds.items() if stage.startswith("challenge")),
        "executions": sum(int(proposal.diagnostics.get("executions", 0)) for proposal in proposals),
    }
    money = compute_money(context.manifest, {"challenge": usage})
    if not kept:
        return None
    priced = {} if money is None else {"money": round(money / kept, 6)}
    return {name: round(total / kept, 2) for name, total in spent.items()} | priced


def per_point(
    everything: Mapping[str, Json], scores: Mapping[SetName, Mapping[str, Json]]
) -> dict[str, float] | None:
    """What a percentage point of pass@1 cost that was gained on the first test set: tokens and seconds of the
    whole run, evaluations included. None where nothing was gained."""
    gains = [part["difference"]["mean"] for part in scores.values() if "difference" in part]
    if not gains or not gains[0] > 0:
        return None
    spent = {"tokens": everything["sampled"], "seconds": everything["seconds"]}
    spent |= {"money": everything["money"]} if "money" in everything else {}
    return {name: round(total / (100 * gains[0]), 4) for name, total in spent.items()}


def peak_memory() -> int:
    """Bytes of the largest resident set of this process and of any child that has ended."""
    import resource  # Windows has none, and what only looks at runs works there

    unit = 1 if sys.platform == "darwin" else 1024
    return unit * sum(
        resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
