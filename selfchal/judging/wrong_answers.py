"""Wrong answers to try on a verifier: many, made from the right one, drawn from a secret.

A verifier that knows which wrong answers a judge tries could refuse those alone. So they are drawn anew for
each task from a secret of the run, and are never the same for two tasks. They are of the kinds that a lax
verifier accepts: near numbers at several scales, other roundings and units, parts of a text and texts around
it, its letters in another order, a letter changed, words of any length, other types, two answers in one, and
whatever constants stand in the verifier itself.
"""

from __future__ import annotations

import string
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from random import Random
from typing import Any

from selfchal.core.world import Json
from selfchal.judging.same_answer import Tolerance, is_same_answer, read_number

COUNT = 100  # answers drawn for a task
_ATTEMPTS = 6  # draws for each one that is wanted: some repeat, some are the right answer said otherwise
_FACTORS = (10, 100, 1000, 0.1, 0.01, 12, 60, 1 / 12, 1 / 60, 1.609344, 0.453592, -1)
_BEYOND = (1.3, 1.8)  # times the tolerance; a search finds more distant edges
_LONGEST_WORD = 11
_LARGEST = 1e300
_SENTENCES = ("the answer is {}", "{} it is", "not {}", "{} or {word}", "{word} {}", "{} {word}")


def draw_wrong_answers(
    draw: Random, answer: Json, tolerance: Tolerance, given: Sequence[Json] = (), count: int = COUNT
) -> list[Json]:
    """Different answers, none of which is the same as ``answer``; those of ``given`` come first.

    ``given``: values that deserve to be tried (constants of the verifier, values met on the way).
    """
    found: dict[str, Json] = {}
    drawn = chain(
        _draw_each_form(draw, answer),
        _list_edges(answer, tolerance),
        _balance(draw, answer),
        islice(_draw_forever(draw, answer), _ATTEMPTS * count),
    )
    candidates = chain(given, drawn)
    for other in candidates:
        if not is_same_answer(other, answer, tolerance):
            found.setdefault(repr(other), other)
        if len(found) >= count + len(given):
            break
    return list(found.values())


def _draw_each_form(draw: Random, answer: Json) -> Iterator[Json]:
    """One of each form of answer, so that no verifier is asked about none of a form by bad luck."""
    word = _draw_word(draw, draw.randint(3, 9))
    yield from ("", None, [], {}, True, False, 10 ** draw.randint(8, 12), -draw.randint(1, 999))
    yield from (_join_words(draw, count) for count in (1, draw.randint(2, 7), 8, 40, 150))
    yield from (word + word[-2::-1], word.upper(), word.title(), f"{word}é", f"{word}{draw.randint(10, 99)}")
    half = str(draw.randint(10, 999))
    yield int(half + half[::-1])
    yield from (str(draw.randint(10**7, 10**8 - 1)), _draw_number(draw), str(_draw_number(draw)))
    yield from ([word], [_draw_number(draw)], [[_draw_number(draw)]], [_draw_number(draw) for _ in range(9)])
    yield {name: _draw_word(draw) for name in ("answer", "result", "value", "status")}
    if isinstance(answer, str) and answer:  # longer and shorter ones of the same letters
        yield from ("".join(draw.choices(answer, k=max(1, len(answer) + by))) for by in (-2, -1, 0, 3, 9))
    yield from _list_hedges(draw, answer)


def _list_edges(answer: Json, tolerance: Tolerance) -> Iterator[Json]:
    """Numbers that are off by a little more than they may be, on both sides."""
    if isinstance(answer, bool) or not isinstance(answer, int | float) or abs(answer) > _LARGEST:
        return
    allowed = max(tolerance.absolute, tolerance.relative * abs(answer))
    for times in _BEYOND:
        yield from (answer + times * allowed, answer - times * allowed)


def _balance(draw: Random, answer: Json) -> Iterator[Json]:
    """Members that change and keep their sum: two of them exchanged, or one more by what another is less."""
    if not isinstance(answer, list | dict) or len(answer) < 2:
        return
    places: list[Any] = list(answer) if isinstance(answer, dict) else list(range(len(answer)))
    for _ in range(2):
        here, there = draw.sample(places, 2)
        pairs = [(answer[there], answer[here])] if isinstance(answer, dict) else []
        if all(isinstance(answer[at], int | float) for at in (here, there)):
            by = draw.randint(1, 3)
            pairs += [(answer[here] + by, answer[there] - by)]
        for one, other in pairs:
            changed: Any = answer.copy()
            changed[here], changed[there] = one, other
            yield changed


def _draw_forever(draw: Random, answer: Json) -> Iterator[Json]:
    while True:
        yield _draw_one(draw, answer)


def _draw_one(draw: Random, answer: Json) -> Json:
    """One candidate. One in eight is of another type, since an agent's answer is text whatever was asked;
    one in sixteen holds the right answer beside another one, as of an agent that does not decide."""
    kind = draw.randrange(16)
    if kind < 2:
        return draw.choice((_draw_words, _draw_number, _draw_container))(draw)
    if kind == 2:
        return draw.choice(_list_hedges(draw, answer))
    if isinstance(answer, bool):
        return draw.choice((not answer, _draw_words(draw)))
    if isinstance(answer, int | float):
        return _draw_near(draw, answer)
    if isinstance(answer, str):
        number = read_number(answer)
        if number is not None and draw.random() < 0.5:
            return str(_draw_near(draw, int(number) if number.is_integer() else number))
        return _draw_text(draw, answer)
    if isinstance(answer, list):
        return _draw_list(draw, answer)
    return _draw_object(draw, answer) if isinstance(answer, dict) else _draw_words(draw)


def _draw_near(draw: Random, answer: int | float) -> int | float:
    """A number at some distance: two per cent off to a hundred times too large, in another unit, rounded."""
    if abs(answer) > _LARGEST:  # too large for a float; nothing about it is near
        return draw.choice((answer + 1, answer - 1, -answer, answer // 10, draw.randint(0, 99)))
    kind = draw.randrange(5)
    if kind == 0:
        return answer * draw.choice(_FACTORS)
    if kind == 1:
        digits = draw.randint(-3, 1)
        return round(answer, digits) if isinstance(answer, float) else round(answer, min(digits, -1))
    distance = abs(answer) * 10 ** draw.uniform(-1.7, 2) * draw.choice((1, -1)) or draw.uniform(-9, 9)
    if not isinstance(answer, int):
        return answer + distance
    if kind == 2 and answer > 0:
        # below, by six to nine tenths: a verifier may round to whole numbers or cut the rest off
        return answer - draw.uniform(0.6, 0.9) - draw.choice((0, 0, 1, 2))
    return answer + (round(distance) or draw.choice((1, -1, 2, -2)))


def _draw_text(draw: Random, answer: str) -> str:
    """A text made from the right one."""
    kind = draw.randrange(7)
    if kind == 0:
        return _draw_word(draw, len(answer))
    if kind == 1:
        return "".join(draw.sample(answer, len(answer)))
    if kind == 2:
        return "".join(draw.choices(answer or "x", k=max(1, len(answer))))
    if kind == 3 and len(answer) > 1:
        cut = draw.randrange(1, len(answer))
        return draw.choice((answer[:cut], answer[cut:]))
    if kind == 4:
        return draw.choice((f"{answer}{_draw_word(draw)}", f"{_draw_word(draw)}{answer}"))
    if kind == 5:
        return draw.choice(_SENTENCES).format(answer, word=_draw_word(draw))
    return _edit(draw, answer)


def _edit(draw: Random, answer: str) -> str:
    """The text with one character changed, dropped, doubled, or swapped with the next one."""
    if not answer:
        return _draw_word(draw)
    at = draw.randrange(len(answer))
    before, here, after = answer[:at], answer[at], answer[at + 1 :]
    other = draw.choice(string.digits if here.isdigit() else string.ascii_lowercase)
    return draw.choice(
        (
            before + other + after,
            before + after,
            before + here + here + after,
            before + after[:1] + here + after[1:],
        )
    )


def _draw_word(draw: Random, length: int | None = None) -> str:
    return "".join(draw.choices(string.ascii_lowercase, k=length or draw.randint(1, _LONGEST_WORD)))


def _draw_words(draw: Random) -> str:
    """A word, a sentence, or a page."""
    return _join_words(draw, draw.choice((1, 1, 2, 3, 8, 40)))


def _join_words(draw: Random, count: int) -> str:
    return " ".join(_draw_word(draw) for _ in range(count))


def _draw_number(draw: Random) -> int | float:
    return draw.choice((draw.randint(-9, 99), draw.randint(100, 10**6), round(draw.uniform(-100, 1000), 2)))


def _draw_container(draw: Random) -> Json:
    return draw.choice(
        ([], [_draw_word(draw)], [_draw_number(draw)], {_draw_word(draw): _draw_word(draw)}, None, "")
    )


def _list_hedges(draw: Random, answer: Json) -> list[Json]:
    """Answers that hold two answers at once, as a list, an object or a text."""
    other = _draw_number(draw) if isinstance(answer, int | float) else _draw_word(draw)
    first, second = draw.sample((answer, other), 2)
    return [[first, second], {_draw_word(draw): first, _draw_word(draw): second}, f"{first} or {second}"]


def _draw_list(draw: Random, answer: list[Json]) -> Json:
    """The list with a member changed, left out or added."""
    if not answer:
        return [_draw_word(draw)]
    at = draw.randrange(len(answer))
    changed = [*answer[:at], _draw_one(draw, answer[at]), *answer[at + 1 :]]
    return draw.choice((changed, [*answer[:at], *answer[at + 1 :]], [*answer, _draw_one(draw, answer[at])]))


def _draw_object(draw: Random, answer: dict[str, Json]) -> Json:
    """The object with a value changed, or a key left out or added."""
    if not answer:
        return {_draw_word(draw): _draw_word(draw)}
    key = draw.choice(list(answer))
    changed = {**answer, key: _draw_one(draw, answer[key])}
    missing = {name: value for name, value in answer.items() if name != key}
    return draw.choice((changed, missing, {**answer, _draw_word(draw): _draw_word(draw)}))
