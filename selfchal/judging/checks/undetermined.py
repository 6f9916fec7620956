"""Where the state counts: which values of the solution could as well be others, for all that is said?

The values are tried: the solution is made again with another one in the place of each, and where evaluate
then refuses, the instruction has to say which one is meant. What no exact comparison can decide becomes a
question (``selfchal.judging.reading``).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from selfchal.core.evidence import Evidence, StateExplorer, TaskRunner
from selfchal.core.task import Task
from selfchal.core.world import Json, World
from selfchal.judging.batch import Ending, evaluate_many
from selfchal.judging.checks.needs import Documents, Need
from selfchal.judging.checks.settled import is_settled
from selfchal.judging.checks.worked_out import is_counted_off, is_worked_out
from selfchal.judging.mutants import with_argument
from selfchal.judging.reading.question import Question
from selfchal.judging.wording import Wording, features, stem, tokens

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_MOST_ALTERNATIVES = 12
_MOST_DETAILS = 8  # texts that say to a reader what an id stands for


def find_undetermined(
    task: Task,
    runner: TaskRunner,
    evidence: Evidence,
    needs: Sequence[Need],
    open_needs: Sequence[Need],
    wording: Wording,
) -> tuple[list[str], list[Question]]:
    """Values that could as well be others, for all that the instruction says. Then questions about those that
    it may say in other words."""
    if not open_needs:
        return [], []
    calls = evidence.solution.execution.calls
    explorer = evidence.explored()
    docs = Documents(runner.environment)
    if _is_unaddressed(task, needs, explorer, wording):
        return ["who or what it is about: nothing in it leads to any record"], []
    missing: dict[Need, str] = {}
    open_needs = [
        need
        for need in open_needs
        if not is_worked_out(need, needs, explorer, docs, wording)
        and not is_counted_off(need, needs, explorer, docs, wording)
        and not is_settled(need, needs, explorer, wording)
    ]
    for need in open_needs:
        choices = docs.choices(calls[need.call].name, need.parameter)
        unsaid = _is_underived(need, needs, explorer, docs, choices) and str(need.value) in task.evaluate
        if unsaid or _is_unnamed(need, needs, explorer, wording):
            missing[need] = f"{need.value!r} ({need.parameter} of {calls[need.call].name})"
    used = {str(need.value) for need in needs}
    asked = [need for need in open_needs if need not in missing]
    for need, other in _find_free(task, runner, evidence, asked, used, wording):
        missing.setdefault(
            need, f"{need.value!r} ({need.parameter} of {calls[need.call].name}), it could be {other!r}"
        )
    labels = {
        need: label
        for need, label in missing.items()
        if _is_undecided(need, needs, explorer, docs, calls[need.call].name, wording)
        and not _list_named_beside(need, needs, explorer, wording)
    }
    questions = [
        _make_question(need, label, calls[need.call].name, used, explorer, docs)
        for need, label in labels.items()
    ]
    return [label for need, label in missing.items() if need not in labels], questions


def _find_free(
    task: Task,
    runner: TaskRunner,
    evidence: Evidence,
    needs: Sequence[Need],
    used: set[str],
    wording: Wording,
) -> Iterator[tuple[Need, Json]]:
    """Values in whose place another one works, that the instruction does not exclude and evaluate does."""
    explorer, docs, calls = (
        evidence.explored(),
        Documents(runner.environment),
        evidence.solution.execution.calls,
    )
    tries: list[tuple[Need, Json, World]] = []
    for need in needs:
        if need.value in explorer.described and wording.picks(_list_kinds(need, explorer)):
            continue
        choices = docs.choices(calls[need.call].name, need.parameter)
        others = _list_alternatives(need, explorer, used, choices)
        rivals = [other for other in others if not told_apart(need.value, other, explorer, wording)]
        tries += _try_values(need, rivals[:_MOST_ALTERNATIVES], evidence)
    verdicts = _collect_verdicts(task, runner, evidence, [world for _, _, world in tries])
    for (need, other, _), verdict in zip(tries, verdicts, strict=True):
        if verdict is False:
            yield need, other


def _make_question(
    need: Need, label: str, tool: str, used: set[str], explorer: StateExplorer, docs: Documents
) -> Question:
    """What a reader is asked about this value: which one of a few the instruction means."""
    choices = docs.choices(tool, need.parameter)
    others = (
        _list_alternatives(need, explorer, used, choices) if _is_choosable(need, choices, explorer) else []
    )
    return Question(
        label,
        f"{need.parameter.replace('_', ' ')} ({tool.replace('_', ' ')})",
        _describe_value(need.value, explorer),
        tuple(_describe_value(other, explorer) for other in others),
        docs.action(tool),
        bool(choices),
        f"The {need.parameter.replace('_', ' ')} is {_describe_value(need.value, explorer)}.",
    )


def _is_choosable(need: Need, choices: Sequence[Json], explorer: StateExplorer) -> bool:
    """Are the alternatives real ones, and not made up?"""
    return bool(choices) or need.value in explorer.described


def _describe_value(value: Json, explorer: StateExplorer) -> str:
    """An id with a few texts and numbers of its record, anything else as it is."""
    texts = [
        str(leaf)
        for leaf in explorer.described.get(str(value), ())
        if leaf != value and not isinstance(leaf, bool)
    ]
    return f"{value} ({', '.join(dict.fromkeys(texts[:_MOST_DETAILS]))})" if texts else str(value)


def _is_undecided(
    need: Need, needs: Sequence[Need], explorer: StateExplorer, docs: Documents, tool: str, wording: Wording
) -> bool:
    """May the instruction say this value in words that no exact comparison knows?

    So it may with a choice of the schema, which can be said in many ways, unless another choice is said. And
    so it may with what a record shows that the call or the customer is about, as "my address" or "the card
    that I paid with", or one that is named, as "where Bob lives".
    """
    choices = docs.choices(tool, need.parameter)
    if need.value in choices:
        return not any(wording.says(other) for other in choices if other != need.value)
    if not isinstance(need.value, str):
        return False
    if need.value in explorer.listed and _is_told_by_truth(need.value, explorer, wording):
        return True
    about = {str(other.value) for other in needs if other.value != need.value} & explorer.shown.keys()
    owners = [record for record, shown in explorer.shown.items() if about.intersection(map(str, shown))]
    # a record of its own that is not named is no detail of one that is: "one of Ann's orders" names none
    said = [record for record in explorer.shown if wording.says(record)] * (
        need.value not in explorer.readable
    )
    reached = {str(leaf) for record in said for leaf in explorer.shown[record]} & explorer.shown.keys()
    return any(need.value in explorer.shown[record] for record in (*about, *owners, *said, *reached))


def _is_told_by_truth(name: str, explorer: StateExplorer, wording: Wording) -> bool:
    """Of the records beside it, does every one of which all that is mentioned is true too differ in what is
    true or false of it? "The one that is not done yet" says so in words that cannot be matched."""
    mentioned = wording.mentioned(explorer.features(name))
    rivals = [other for other in explorer.siblings.get(name, ()) if mentioned <= explorer.features(other)]
    own = _list_truths(name, explorer)
    others = [_list_truths(other, explorer) for other in rivals]
    # a record that was read again stands there twice
    return bool(mentioned and rivals) and all(truths[: len(own)] != own[: len(truths)] for truths in others)


def _list_truths(name: str, explorer: StateExplorer) -> list[bool]:
    return [leaf for leaf in explorer.described.get(name, ()) if isinstance(leaf, bool)]


def _try_values(need: Need, others: Sequence[Json], evidence: Evidence) -> Iterator[tuple[Need, Json, World]]:
    """The solution's outcome with each of these in the place of the value, where that works and differs."""
    call = evidence.solution.execution.calls[need.call]
    for other in others:
        world = evidence.replays.altered(need.call, with_argument(call, need.where, need.exchange(other)))
        if world is not None and world.digest() != evidence.solution.world.digest():
            yield need, other, world


def _is_unaddressed(task: Task, needs: Sequence[Need], explorer: StateExplorer, wording: Wording) -> bool:
    """No record that the task is about, or that leads to one, is named or can be looked up by what is."""
    starts = {str(value) for value in task.context.values()}
    about = {str(need.value) for need in needs} & explorer.shown.keys()
    leading = [record for record, shown in explorer.shown.items() if about.intersection(map(str, shown))]
    return bool(about) and not any(
        record in starts
        or record in explorer.listed
        or wording.says(record)
        or explorer.finds(record, wording.says)
        for record in (*about, *leading)
    )


def _is_underived(
    need: Need, needs: Sequence[Need], explorer: StateExplorer, docs: Documents, choices: Sequence[Json]
) -> bool:
    """A text that no reading shows and no document names: only the instruction could have said it.

    Dates and the choices of a schema are everywhere: one that is read counts only in a record that the same
    call is about.
    """
    if not isinstance(need.value, str):
        return False
    if _DATE.fullmatch(need.value) or need.value in choices:
        about = [other for other in needs if other.call == need.call and other.value in explorer.shown]
        return not any(need.value in explorer.shown[str(other.value)] for other in about)
    return need.value not in explorer.seen and not docs.wording.says(need.value)


def _is_unnamed(need: Need, needs: Sequence[Need], explorer: StateExplorer, wording: Wording) -> bool:
    """An id about which the instruction says nothing that is not just as true of the ids beside it: others
    that could be meant, or others in the same list."""
    if need.value not in explorer.described or wording.picks(_list_kinds(need, explorer)):
        return False
    named = wording.mentioned(explorer.features(need.value))
    named -= _is_spoken_for(need, needs, explorer, wording)
    used = {other.value for other in needs}
    rivals = [
        other
        for other in explorer.siblings.get(need.value, ())
        if need.value in explorer.readable and explorer.alike(other, need.value) and other not in used
    ]
    in_list = [
        other.value
        for other in needs
        if other.call == need.call and other.where[:-1] == need.where[:-1] and other.value != need.value
    ] if isinstance(need.where[-1], int) and len(need.where) > 2 else []  # fmt: skip
    named_beside = _list_named_beside(need, needs, explorer, wording)
    about = {other: explorer.features(other) for other in (*rivals, *in_list, *named_beside)}
    return any(not named - theirs for theirs in about.values())


def _list_named_beside(
    need: Need, needs: Sequence[Need], explorer: StateExplorer, wording: Wording
) -> list[Json]:
    """Records that the instruction names and that another call is about: what it says of them speaks of no
    second one."""
    return [
        other.value
        for other in needs
        if need.value in explorer.readable
        and other.parameter == need.parameter
        and other.call != need.call
        and wording.says(other.value)
    ]


def _is_spoken_for(need: Need, needs: Sequence[Need], explorer: StateExplorer, wording: Wording) -> set[str]:
    """Words said no more often than they name other looked-up values of the same call: "credit card" says
    how to pay for the order, not which order it is, although that order was paid by card too. And a zip
    code by which the customer is found is that of the customer, although one of the orders goes there too."""
    others = [
        other for other in needs if other.parameter != need.parameter and other.value in explorer.described
    ]
    beside = {other.value for other in others if other.call == need.call}
    names = Counter(word for other in others if other.value in beside for word in features([other.value]))
    owners = [
        record
        for record, shown in explorer.shown.items()
        if need.value in explorer.readable and need.value in shown and record != need.value
    ]
    finding = Counter(features(text for one in owners for text in explorer.list_finding(one, wording.says)))
    said = Counter(map(stem, tokens(wording.instruction)))
    spoken_for = {word for word in names if said[word] <= names[word] and not word.isdigit()}
    return (spoken_for | {word for word in finding if said[word] <= finding[word]}) - features([need.value])


def _list_alternatives(
    need: Need, explorer: StateExplorer, used: set[str], choices: Sequence[Json]
) -> list[Json]:
    """Other values for this place: what the schema offers, what stands beside it, or something made up."""
    value = need.value
    if choices:
        return [other for other in choices if other != value]
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int | float):
        return [value + 1, value - 1]
    beside = sorted(explorer.siblings.get(value, set()))
    alike = [other for other in beside if explorer.alike(other, value) and other not in used]
    return alike or ([] if value in explorer.described else [f"{value} else"])


def told_apart(value: Json, other: Json, explorer: StateExplorer, wording: Wording) -> bool:
    """Does the instruction mention something that is true of this value and not of the other?"""
    mine = wording.mentioned(explorer.features(value))
    others = explorer.features(other)
    if str(value) not in explorer.described:
        return False
    return bool(mine - others)


def _list_kinds(need: Need, explorer: StateExplorer) -> set[str]:
    """What a thing is called: by its parameter, and by what is read of it."""
    return {stem(word) for word in tokens(need.parameter)} | explorer.features(need.value)


def _collect_verdicts(
    task: Task, runner: TaskRunner, evidence: Evidence, worlds: Sequence[World]
) -> Sequence[bool | str | None]:
    if not worlds:
        return []
    answer = evidence.solution.execution.value
    found = evaluate_many(runner, task.evaluate, [Ending(world, answer) for world in worlds])
    return [row[0] for row in found] if found is not None else [None] * len(worlds)
