"""The stored tasks of a run judged again: has a change of tools, data or checks changed what holds?

They are judged as the run judged them: by its environment, its checks and limits, as much of the judge as its
synthesizer asked for, and with its own secret, so that nothing but such a change can change a verdict.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import Any

from selfchal.api.judging import judge_filtered
from selfchal.api.opening import using_environment
from selfchal.api.reading import open_run
from selfchal.api.running import use_named_plugins
from selfchal.core.errors import StoreError
from selfchal.core.judge import Filter, Outcome, Stage, Verdict
from selfchal.core.task import MIN_FAILURES, Task
from selfchal.core.world import Json
from selfchal.judging import format_verdict
from selfchal.pipeline.context import SECRET
from selfchal.pipeline.environments import limits_of
from selfchal.pipeline.made_with import MADE_WITH, describe_making, list_changes
from selfchal.pipeline.manifest import CheckSection, LimitsSection, choose_checks, parse_config
from selfchal.pipeline.manifest.stored import list_environment_sections
from selfchal.pipeline.outcomes import name_check
from selfchal.pipeline.store import Store
from selfchal.plugins import load_plugins

# A task that fell here was sound by itself: it was alike to another one, or the policy solved it too often.
_BESIDE_OTHERS = (Stage.NEW, Stage.IN_BAND)
_KEPT = Verdict(Outcome.PASSED, Stage.COMPLETE)


class Change(StrEnum):
    """What became of a verdict."""

    NONE = "as before"
    FELL = "held before, falls now"
    ROSE = "fell before, holds now"
    OTHERWISE = "falls for another reason"
    UNKNOWN = "could not be checked"


@dataclass(frozen=True)
class Rejudged:
    """A stored task, the verdict of the run and the one of now."""

    task: Task
    before: Verdict
    now: Verdict

    @property
    def change(self) -> Change:
        """What became of the verdict; tasks are not compared with each other here."""
        held = self.before.passed or self.before.stage in _BESIDE_OTHERS
        if self.now.outcome is Outcome.COULD_NOT_CHECK:
            return Change.UNKNOWN
        if held and self.now.passed:
            return Change.NONE
        if held:
            return Change.FELL
        if self.now.passed:
            return Change.ROSE
        same = (self.before.stage, self.before.check) == (self.now.stage, self.now.check)
        return Change.NONE if same else Change.OTHERWISE

    def to_json(self) -> dict[str, Json]:
        """A row: ``id``, ``change``, and the two verdicts as ``judge_rows`` gives them."""
        before, now = format_verdict(self.task.id, self.before), format_verdict(self.task.id, self.now)
        kept = ("outcome", "stage", "check", "reason")
        return {
            "id": self.task.id,
            "change": str(self.change),
            "before": {key: before[key] for key in kept},
            "now": {key: now[key] for key in kept},
        }


def find_changes(
    directory: Path,
    options: Mapping[str, Json] | None = None,
    checks: Sequence[Mapping[str, Json]] = (),
) -> list[str]:
    """What the tasks were made with and is another one now: tools, data, policies, checks, this program.

    Nothing for a run that did not note it. Raises what ``judge_again`` raises.
    """
    manifest = open_run(directory).manifest()
    use_named_plugins(manifest)
    with Store.read(directory) as store:
        made = store.fact(MADE_WITH)
    if made is None:
        return []
    wanted = [parse_config(CheckSection, one, "checks") for one in _replace_checks(manifest, checks)]
    names = [choice.name for choice in choose_checks(load_plugins(), wanted, "checks")]
    with ExitStack() as closing:
        opened = {
            section["name"]: closing.enter_context(using_environment({**section, **(options or {})}))
            for section in list_environment_sections(manifest)
        }
        return list(list_changes(made, describe_making(opened, names)))


def _replace_checks(
    manifest: Mapping[str, Any], checks: Sequence[Mapping[str, Json]]
) -> list[Mapping[str, Json]]:
    """The manifest's sections of checks, with these in place of those of the same name."""
    named = {section["name"] for section in checks}
    return [*(one for one in manifest.get("checks", ()) if one["name"] not in named), *checks]


def judge_again(
    directory: Path,
    options: Mapping[str, Json] | None = None,
    checks: Sequence[Mapping[str, Json]] = (),
) -> Iterator[Rejudged]:
    """Judge the kept tasks of a run and the refused ones that could be read, in the order of their proposal,
    one environment after the other.

    ``options`` change options of the environments; ``checks`` are sections that take the place of the
    manifest's of the same name. Tasks that a model judges, and that could not be checked then, are left out.
    Raises StoreError where there is no run, or none of its tasks can be judged again; PluginError where a
    check needs a model.
    """
    manifest = open_run(directory).manifest()
    use_named_plugins(manifest)
    with Store.read(directory) as store:
        stored = _list_stored(store)
        secret = store.fact(SECRET)
    if not stored:
        raise StoreError(f"{directory} holds no task that can be judged again")
    sections = _replace_checks(manifest, checks)
    filters, min_failures = _read_filters(manifest)
    limits = limits_of(parse_config(LimitsSection, manifest.get("limits", {}), "limits"))
    environments = list_environment_sections(manifest)

    def judge_in(environment: Mapping[str, Any]) -> Iterator[Rejudged]:
        own = [(task, was) for task, was in stored if len(environments) == 1 or _is_of(task, environment)]
        judged = judge_filtered(
            [task for task, _ in own],
            {**environment, **(options or {})},
            manifest.get("sandbox", "process"),
            sections,
            limits,
            None,
            secret,
            filters,
            min_failures,
        )
        return (Rejudged(task, before, now) for (task, before), (_, now) in zip(own, judged, strict=True))

    return chain.from_iterable([judge_in(environment) for environment in environments])


def _is_of(task: Task, environment: Mapping[str, Any]) -> bool:
    return task.environment == str(environment["name"])


def _list_stored(store: Store) -> list[tuple[Task, Verdict]]:
    """Each task once, with the last verdict on it."""
    found = {task.id: (task, _KEPT) for task, _ in store.tasks()}
    for proposal in store.proposals():
        if proposal.task is not None:
            found[proposal.task.id] = (proposal.task, proposal.verdict)
    return [
        (task, verdict)
        for task, verdict in found.values()
        if task.evaluate and verdict.outcome is not Outcome.COULD_NOT_CHECK
    ]


def _read_filters(manifest: Mapping[str, Any]) -> tuple[Filter, int]:
    """How much of the judge decided, and the failure cases that a task needed."""
    synthesizer = manifest.get("synthesizer") or {}
    filters = Filter(synthesizer.get("filters", Filter.FULL))
    return filters, MIN_FAILURES if synthesizer.get("failures", True) else 0


def describe_verdict(verdict: Verdict) -> str:
    """A verdict in a few words: kept, or where it fell and why."""
    if verdict.passed:
        return "kept"
    why = f": {' '.join(verdict.reason.split())}" if verdict.reason else ""
    return f"{verdict.outcome} at '{verdict.stage}'{name_check(verdict.check)}{why}"
