"""What does an instruction of calculation ask for? Read by its words, as the pretraining uses them.

The embedded challenger words its tasks as it was taught to (scripts/seedling/phrases.py), more or less: it
mixes phrases and garbles some. So an instruction is cut into as many parts as read best, each the wording of
one step: by which words the pretraining's phrases of that step have and others' have not, and by what stands
beside each value. Every value must be used, in one place. The chain that reads best is run: what it gives is
what the instruction asks for, whatever the solution and the verifier say. One that cannot be run, or that
another reads as well with another outcome, proves nothing. The reader never sees a solution.

    python benchmarks/instructions.py     # how often it is right, where what is asked for is known
"""

from __future__ import annotations

import math
import random
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations, permutations
from pathlib import Path
from typing import Any

import numpy as np

from selfchal.builtin_envs.calculation.chains import BY_NAME, Kind, Step, run_call

_TOKEN = re.compile(r"'[^']*'|(?<![\w.])\d+(?:\.\d+)?(?![\w])|[a-z]+", re.IGNORECASE)
_SLOT = re.compile(r"\{([xyz])\}")
_MOST_TOKENS = 70
_MOST_VALUES = 9
_MARGIN = 2.0  # in nats, from the best reading with another outcome
_UNSEEN = 0.5  # of a word, added to the counts
_LEAST = 1.0  # a part says at least so much more of its kind than of any
_STEP = 2.0  # so much less for each step
_BEST = 8  # readings of each length that are looked at


@dataclass(frozen=True)
class Reading:
    """A chain that an instruction asks for, and what each of its steps gives."""

    steps: tuple[Step, ...]
    values: tuple[Any, ...]

    @property
    def answer(self) -> Any:
        return self.values[-1]

    def near_misses(self) -> list[Any]:
        """Values that are not the answer, and that a lax verifier would take for it."""
        first = _value(self.steps[0].literals["x"])
        shifted = self.answer + 1 if isinstance(self.answer, int | float) else f"{self.answer}x"
        return [value for value in (first, *self.values[:-1], shifted) if str(value) != str(self.answer)]


def read(instruction: str) -> Reading | None:
    """The chain that the instruction asks for; None where it cannot be told."""
    tokens = _TOKEN.findall(instruction)
    values = sum(map(_is_literal, tokens))
    if not 0 < values <= _MOST_VALUES or len(tokens) > _MOST_TOKENS:
        return None
    found = sorted(_list_chains(tokens), key=lambda pair: -pair[0])
    best: tuple[float, Reading] | None = None
    for score, steps in found:
        if best and best[0] - score > _MARGIN:
            break
        reading = _run(steps)
        if reading and best is None:
            best = score, reading
        elif reading and best and str(reading.answer) != str(best[1].answer):
            return None
    return best[1] if best else None


def _run(steps: Sequence[Step]) -> Reading | None:
    """What the steps give; None where one does not take what the one before gives."""
    values: list[Any] = []
    carried = _types(steps[0].literals["x"])
    for step in steps:
        if not carried.intersection(step.kind.takes) or (step.kind.first and step is not steps[0]):
            return None
        carried = carried if step.kind.gives == "same" else {step.kind.gives}
    try:
        for step in steps:
            values.append(run_call(step.code(repr(values[-1]) if values else None)))
    except Exception:  # noqa: BLE001 — steps that do not fit together are no reading
        return None
    return Reading(tuple(steps), tuple(values))


def _types(literal: str) -> set[str]:
    """What a value may be, by its letters."""
    text = literal.strip("'")
    if text == literal:
        return {"number"}
    if text.isupper():
        alphabets = {"dna": "ACGT", "mrna": "ACGU", "amino": text}
        return {kind for kind, letters in alphabets.items() if set(text) <= set(letters)}
    return {"text"} if text.isalpha() and not set(text) <= set("abcdef") else {"text", "hex"}


def _list_chains(tokens: Sequence[str]) -> Iterator[tuple[float, list[Step]]]:
    """The best chains of one, two and three steps with their scores, the parts cut where they read best."""
    count, kinds = len(tokens), list(BY_NAME.values())
    first = np.full((len(kinds), count + 1), -np.inf)  # [kind, end] of a part from the start
    later = np.full((count, count + 1, len(kinds)), -np.inf)  # [start, end, kind]
    steps: dict[tuple[int, int, int], Step] = {}
    words = ["" if _is_literal(token) else token.lower() for token in tokens]
    odds = [[_list_odds(word)[kind.name] for kind in kinds] for word in words]
    until = np.concatenate([np.zeros((1, len(kinds))), np.cumsum(odds, axis=0)])  # [tokens before, kind]
    for start, end in combinations(range(count + 1), 2):
        indices = [i for i in range(start, end) if _is_literal(tokens[i])]
        said = until[end] - until[start]
        for index in np.flatnonzero(said >= _LEAST):
            slots = [slot for slot in _SLOT.findall(kinds[index].call) if not (start and slot == "x")]
            if len(slots) == len(indices):
                score, literals = _placed(tokens, indices, slots, kinds[index])
                steps[start, end, int(index)] = Step(kinds[index], literals)
                into = later[start, end] if start else first[:, end]
                into[index] = said[index] + score - _STEP
    two = (first[:, None, :count, None] + later.transpose(2, 0, 1)[None]).max(2)  # [kind, kind, end]
    three = (two[:, :, None, :count] + later[:, count].T[None, None]).max(3)
    for scores in (first[:, count], two[:, :, count], three):
        for flat in np.argsort(scores, axis=None)[::-1][:_BEST]:
            chosen = np.unravel_index(flat, scores.shape)
            if np.isfinite(scores[chosen]):
                yield float(scores[chosen]), _cut(first, later, steps, [int(one) for one in chosen])


def _cut(first: Any, later: Any, steps: Mapping[tuple[int, int, int], Step], kinds: list[int]) -> list[Step]:
    """The steps of these kinds, cut where that scores best."""
    count = later.shape[0]

    def score(cuts: tuple[int, ...]) -> float:
        ends = (*cuts, count)
        rest = zip(cuts, ends[1:], kinds[1:], strict=True)
        return float(first[kinds[0], ends[0]] + sum(later[start, end, kind] for start, end, kind in rest))

    cuts = max(combinations(range(1, count), len(kinds) - 1), key=score)
    return [steps[part] for part in zip((0, *cuts), (*cuts, count), kinds, strict=True)]


def _placed(
    tokens: Sequence[str], indices: Sequence[int], slots: Sequence[str], kind: Kind
) -> tuple[float, dict[str, str]]:
    """Which value goes into which slot, and how well what stands beside them speaks for that."""
    beside = _beside()[kind.name]
    score, order = max(
        (sum(beside[slot](tokens, index) for slot, index in zip(order, indices, strict=True)), order)
        for order in permutations(slots)
    )
    return score, {slot: tokens[index] for slot, index in zip(order, indices, strict=True)}


@cache
def _list_counts() -> Mapping[str, Counter[str]]:
    """How often each word stands in the phrases of each kind."""
    return {
        kind: Counter(word for phrase in set(phrases) for word in _list_words(_SLOT.sub(" ", phrase)))
        for kind, phrases in _choose_wording().PHRASES.items()
    }


@cache
def _list_odds(word: str) -> Mapping[str, float]:
    """By kind, how much more often its phrases have the word than all have it; 0 for unknown words."""
    sums = {kind: words.total() for kind, words in _list_counts().items()}
    seen = sum(words[word] for words in _list_counts().values())
    if not seen:
        return defaultdict(float)
    share = seen / sum(sums.values())
    return {
        kind: math.log((words[word] + _UNSEEN) / (sums[kind] + _UNSEEN / share) / share)
        for kind, words in _list_counts().items()
    }


@dataclass(frozen=True)
class _Beside:
    """Which words stand before and after a slot in the phrases of a kind."""

    before: Counter[str]
    after: Counter[str]

    def __call__(self, tokens: Sequence[str], index: int) -> float:
        """How usual what stands beside this value is, in nats."""
        total = self.before.total() + 1
        return sum(
            math.log((words[_at(tokens, index + step)] + _UNSEEN) / total)
            for words, step in ((self.before, -1), (self.after, 1))
        )


@cache
def _beside() -> Mapping[str, Mapping[str, _Beside]]:
    table = {kind: {slot: _Beside(Counter(), Counter()) for slot in "xyz"} for kind in BY_NAME}
    for kind, phrases in _choose_wording().PHRASES.items():
        for phrase in set(phrases):
            tokens = re.findall(r"\{[xyz]\}|[a-z]+", phrase.lower())
            for index, token in enumerate(tokens):
                if token.startswith("{"):
                    table[kind][token[1]].before[_at(tokens, index - 1)] += 1
                    table[kind][token[1]].after[_at(tokens, index + 1)] += 1
    return table


def _at(tokens: Sequence[str], index: int) -> str:
    """The word there; nothing for a value or where there is none."""
    if not 0 <= index < len(tokens) or not tokens[index][0].isalpha():
        return ""
    return tokens[index].lower()


def _list_words(text: str) -> list[str]:
    return re.findall("[a-z]+", text.lower())


def _is_literal(token: str) -> bool:
    return not token[0].isalpha()


@cache
def _choose_wording() -> Any:
    sys.path.insert(0, str(Path(__file__).parent.parent / "scripts" / "seedling"))
    import phrases

    return phrases


def _value(literal: str) -> Any:
    return literal.strip("'") if literal.startswith("'") else float(literal)


def measure(name: str, asked: Iterable[tuple[str, Any]]) -> str:
    """How often the reader is right about instructions whose answers are known."""
    found = Counter(
        "not told" if reading is None else "right" if str(reading.answer) == str(answer) else "wrong"
        for reading, answer in ((read(text), answer) for text, answer in asked)
    )
    counts = ", ".join(f"{found[what]} {what}" for what in ("right", "wrong", "not told"))
    return f"{name}: {counts}, of {found.total()}"


def main() -> None:
    _choose_wording()
    import transcripts  # beside the phrases

    from selfchal.plugins.registry import load_plugins

    rng = random.Random(5)
    chains = [transcripts.chain(rng, rng.choice((1, 2, 2, 3))) for _ in range(300)]
    print(measure("the pretraining's own", [(transcripts.named(rng, one), one.answer) for one in chains]))
    kind = load_plugins().find("environment", "calculation")
    held_out = kind(kind.Config()).test_tasks("dev")
    print(measure("held-out, other wording", [(task.instruction, task.truth["answer"]) for task in held_out]))


if __name__ == "__main__":
    main()
