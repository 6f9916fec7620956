"""Which wrong answers are tried on a verifier: many that are drawn, and those that a search finds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random

from selfchal.core.evidence import Evidence, TaskRunner
from selfchal.core.task import Task
from selfchal.core.world import Json
from selfchal.judging.batch import Ending, search_answers
from selfchal.judging.mutants import list_met, placed
from selfchal.judging.pattern_samples import draw_matching_texts
from selfchal.judging.reading.short_names import is_short_name
from selfchal.judging.same_answer import Tolerance, is_same_answer, read_tolerance
from selfchal.judging.wrong_answers import COUNT, draw_wrong_answers

_SHORT = 2  # characters of a constant that may stand for another one
_MOST_SHORT = 6
_MOST_NAMES = 12  # text constants that are put into one answer
# A very long answer is compared with fewer wrong ones, of which a third are still made from it.
_MOST_CHARACTERS = 3_000_000
_FEWEST_ANSWERS = 60
_WIDER = (
    1.25  # what a search finds must be off by so much more than the tolerance: it looks for the very edge
)


def list_wrong_answers(
    task: Task, runner: TaskRunner, evidence: Evidence, constants: Sequence[Json], draw: Random
) -> list[Json] | None:
    """Answers that are not the solution's; None where evaluate is too slow or too large to be searched.

    Raises SandboxError.
    """
    right = evidence.solution.execution.value
    tolerance = read_tolerance(task.instruction)
    wide = Tolerance(_WIDER * tolerance.relative, _WIDER * tolerance.absolute)
    count = min(COUNT, max(_FEWEST_ANSWERS, _MOST_CHARACTERS // len(repr(right))))
    drawn = draw_wrong_answers(draw, right, tolerance, [*constants, *list_met(evidence)], count)
    texts = [text for text in draw_matching_texts(task.evaluate, draw) if not _shares_a_word(text, right)]
    made = [*_exchange_constants(right, constants), *_hold_constants(constants, draw), *texts]
    drawn = [*(other for other in made if not is_same_answer(other, right, tolerance)), *drawn]
    ending = Ending(evidence.solution.world, right)
    finds = search_answers(runner, task.evaluate, ending, drawn, wide, draw.getrandbits(60))
    if finds is None:
        return None
    found = [
        other
        for other in finds.accepted
        if not is_same_answer(other, right, wide)
        and (isinstance(other, int | float) or _read_words(other) != _read_words(right))
    ]
    heard = [other for other in finds.heard if not is_same_answer(other, right, tolerance)]
    said = [str(leaf) for call in evidence.solution.execution.calls for _, leaf in placed(call.value)]
    wrong = {repr(other): other for other in (*heard, *found, *drawn)}.values()
    return [other for other in wrong if not is_short_name(other, right, said)]


def _exchange_constants(right: Json, constants: Sequence[Json]) -> list[Json]:
    """The right answer with one short constant of evaluate in the place of another: a verifier may take one
    letter for another before it compares."""
    if not isinstance(right, str):
        return []
    short = [one for one in constants if isinstance(one, str) and 0 < len(one) <= _SHORT][:_MOST_SHORT]
    exchanged = [right.replace(one, other) for one in short for other in short if one in right]
    return [other for other in exchanged if _read_words(other) != _read_words(right)]


def _hold_constants(constants: Sequence[Json], draw: Random) -> list[Json]:
    """An object that has the text constants of evaluate as its keys, and a list of them."""
    names = list(dict.fromkeys(one for one in constants if isinstance(one, str)))[:_MOST_NAMES]
    return [{name: draw.randint(10**6, 10**7) for name in names}, names] if names else []


def _shares_a_word(text: str, right: Json) -> bool:
    """What a pattern matches besides is another form of the right answer, for all that can be told, where it
    has a word or a number in common with it."""
    return not set(_read_words(text)).isdisjoint(_read_words(right))


def _read_words(value: Json) -> list[str]:
    """The words of an answer in order, whatever stands between and around them: a search finds that too."""
    return re.findall(r"[^\W_]+", str(value).casefold())
