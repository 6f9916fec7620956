"""Reads what the report shows out of a run directory: results, funnel, curves, tasks, some episodes.

A run under way has no results yet: the report then shows what there is.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path

from selfchal.core.episode import Episode
from selfchal.core.judge import FUNNEL, Stage
from selfchal.core.synthesizer import Proposal
from selfchal.core.world import Json
from selfchal.pipeline.curve import is_curve_point, list_curve_points
from selfchal.pipeline.failure import FAILURE
from selfchal.pipeline.manifest.stored import list_environment_names, read_run_name
from selfchal.pipeline.outcomes import name_check
from selfchal.pipeline.store import Store
from selfchal.pipeline.test_sets import list_measured

EPISODES_A_GROUP = 40  # shown of each moment; the store keeps all
REJECTED_A_STAGE = 25
LONGEST_TEXT = 20_000  # characters of one message or source


@dataclass(frozen=True)
class Reasons:
    """Why proposals fell at one stage: the check that refused them (none: the paper's filter), and the
    commonest reasons with their counts."""

    stage: str
    check: str
    count: int
    commonest: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Findings:
    """All that a page is made of."""

    name: str
    manifest: Mapping[str, Json]
    environments: str
    results: Mapping[str, Json]
    funnel: Mapping[str, int]
    reasons: tuple[Reasons, ...]
    curves: Mapping[str, Mapping[str, list[float]]]  # stage of training -> metric -> a value an update
    tasks: tuple[Mapping[str, Json], ...]
    episodes: tuple[Mapping[str, Json], ...]
    guarantees: Mapping[str, Json]
    seconds: Mapping[str, float]
    failure: Mapping[str, Json]  # the error that ended the run, and where; empty where none did


def gather(directory: Path) -> Findings:
    """Everything the report shows. Raises StoreError where there is no run."""
    with Store.read(directory) as store:
        manifest = store.manifest()
        results = store.results()
        proposals = list(store.proposals())
        return Findings(
            name=read_run_name(manifest),
            manifest=manifest,
            environments=", ".join(list_environment_names(manifest)),
            results=results,
            funnel=results.get("funnel") or _count_funnel(proposals),
            reasons=tuple(_count_reasons(proposals)),
            curves={**_read_held_out_curves(results), **_read_curves(store.metrics())},
            tasks=(*_list_kept(store), *_list_rejected(proposals)),
            episodes=tuple(_list_episodes(store)),
            guarantees=store.fact("guarantees") or {},
            seconds=store.fact("seconds") or {},
            failure=store.fact(FAILURE) or {},
        )


def _count_funnel(proposals: Iterable[Proposal]) -> dict[str, int]:
    reached = [FUNNEL.index(Stage.KEPT if p.verdict.passed else p.verdict.reached) for p in proposals]
    return {str(stage): sum(at >= i for at in reached) for i, stage in enumerate(FUNNEL)}


def _count_reasons(proposals: Iterable[Proposal]) -> Iterator[Reasons]:
    fallen: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for proposal in proposals:
        if not proposal.verdict.passed:
            verdict = proposal.verdict
            fallen[verdict.stage, verdict.check][_cut_first_line(verdict.reason)] += 1
    for stage, check in sorted(fallen, key=lambda where: (FUNNEL.index(Stage(where[0])), where[1])):
        reasons = fallen[stage, check]
        yield Reasons(stage, check, reasons.total(), tuple(reasons.most_common(4)))


def _cut_first_line(text: str) -> str:
    return text.strip().partition("\n")[0][:120] or "no reason given"


def _read_held_out_curves(results: Mapping[str, Json]) -> dict[str, dict[str, list[float]]]:
    """pass@1 of each test set that was measured during training, from before to after."""
    parts = {name: part for name, part in list_measured(results) if "curve" in part}
    return {
        f"{name}, each once, every {part['curve'][0]['update']} updates": {
            "pass@1": [rate for _, rate in list_curve_points(part)]
        }
        for name, part in parts.items()
    }


def _read_curves(rows: Iterable[Mapping[str, Json]]) -> dict[str, dict[str, list[float]]]:
    curves: dict[str, dict[str, list[float]]] = {}
    for row in rows:
        stage = curves.setdefault(row["stage"], {})
        for metric, value in row.items():
            if metric not in ("stage", "step") and isinstance(value, int | float):
                stage.setdefault(metric, []).append(float(value))
    return curves


def _list_kept(store: Store) -> Iterator[dict[str, Json]]:
    for task, status in store.tasks():
        yield {**_cut(task.to_json()), "status": status, "reason": ""}


def _list_rejected(proposals: Iterable[Proposal]) -> Iterator[dict[str, Json]]:
    shown: Counter[str] = Counter()
    for proposal in proposals:
        verdict = proposal.verdict
        shown[verdict.stage] += not verdict.passed
        if verdict.passed or shown[verdict.stage] > REJECTED_A_STAGE:
            continue
        body = proposal.task.to_json() if proposal.task else {"instruction": proposal.raw}
        status = f"not {verdict.stage}{name_check(verdict.check)}"
        yield {**_cut(body), "status": status, "reason": verdict.reason[:LONGEST_TEXT]}


def _list_episodes(store: Store) -> Iterator[dict[str, Json]]:
    """The first episodes of each moment: an evaluation and mode, a round's first and last batch."""
    evaluations = groupby(store.keys("evaluate"), key=lambda key: key.rpartition("/")[0])
    for moment, keys in evaluations:
        if is_curve_point(moment):  # as many as there are would fill the page
            continue
        episodes = (episode for key in keys for episode in store.episodes("evaluate", key))
        firsts = (episode for episode in episodes if episode.sample == 0)
        yield from _show_episode(f"evaluate {moment}".replace("/", ", "), firsts)
    for round_, batches in groupby(store.keys("train"), key=lambda key: key.partition("/")[0]):
        keys_of_round = list(batches)
        for word, key in {"first": keys_of_round[0], "last": keys_of_round[-1]}.items():
            yield from _show_episode(f"train {round_}, {word} batch", store.episodes("train", key))
    for key in store.keys("challenge")[:1]:
        yield from _show_episode("challenge, first batch", store.episodes("challenge", key))


def _show_episode(moment: str, episodes: Iterable[Episode]) -> Iterator[dict[str, Json]]:
    for episode in islice(episodes, EPISODES_A_GROUP):
        yield {
            "moment": moment,
            "task": episode.task,
            "reward": episode.reward,
            "reason": episode.reason,
            "end": str(episode.end),
            "steps": episode.steps,
            "calls": episode.tool_calls,
            "answer": episode.answer,
            "messages": [[message.role, message.content[:LONGEST_TEXT]] for message in episode.messages],
            "runs": [[bit, len(list(run))] for bit, run in groupby(episode.mask)],
        }


def _cut(row: Mapping[str, Json]) -> dict[str, Json]:
    return {key: value[:LONGEST_TEXT] if isinstance(value, str) else value for key, value in row.items()}
