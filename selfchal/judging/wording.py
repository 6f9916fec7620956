"""Does a text say a value? Words by their stems, numbers in digits or words, dates in any usual form."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property, lru_cache

from selfchal.core.world import Json
from selfchal.judging.floats import take_float
from selfchal.judging.reading.spoken_days import read_day, says_day_of_month, shift_back
from selfchal.judging.reading.spoken_numbers import (
    CARDINALS,
    ORDINALS,
    find_spoken_numbers,
    split_pieces,
    write_ranks,
)
from selfchal.judging.reading.spoken_times import find_clocks, find_spans, read_clock

_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
_WORD = re.compile(r"[^\W_]+")
_ENDING = re.compile(r"(?<=\w)['\u2019](?:s|t|re|ve|ll|d|m)\b")
_ORDINAL = re.compile(r"(?<=\d)(?:st|nd|rd|th)\b")
_ISO_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
    "november", "december",
)  # fmt: skip
_COUNTS: Mapping[str, tuple[float, ...]] = {
    **{word: (value,) for word, value in CARDINALS.items()},
    **{word: (value, 1 / value) for word, value in ORDINALS.items() if value > 2},  # a rank, or a share
    "no": (0,), "none": (0,), "without": (0,), "a": (1,), "an": (1,), "single": (1,), "once": (1,),
    "twice": (2,), "double": (2,), "both": (2,), "pair": (2,), "couple": (2,), "half": (0.5, 2),
    "triple": (3,), "quarter": (0.25, 4), "week": (7,), "dozen": (12,), "hundred": (100,),
    "thousand": (1000,), "squared": (2,), "cubed": (3,),
}  # fmt: skip
_UNITS_OF_TIME = (1, 60, 3600, 86400)  # in seconds
# Words that pick one of several by a rule which reading alone cannot follow.
CUES = frozenset({
    "cheapest", "cheaper", "expensive", "most", "least", "first", "last", "latest", "earliest",
    "newest", "oldest", "largest", "smallest", "biggest", "highest", "lowest", "longest", "shortest",
    "other", "same", "all", "both", "every", "each", "only", "either", "whichever", "different",
    "less", "original", "maximum", "minimum", "best", "remaining", "rest", "entire",
    "everything", "nearest",
})  # fmt: skip
_PRONOUNS = frozenset({"one", "ones", "it", "them", "that", "those", "these", "this", "option", "options"})
_CLAUSE = re.compile(r"[.,;:!?]+(?:\s|$)|\n")
_CODE = re.compile(r"\d{4}-\d{2}-\d{2}|\b(?:ending|ends) (?:in|with) \w+", re.IGNORECASE)
_ROOT = 3  # letters that two forms of a word share: bags, baggages
_GOVERNED = 3  # words after a cue that it may speak of
_PASSED_OVER = frozenset({"of", "the", "my", "our", "your", "a", "an", *CARDINALS})  # "the cheaper of my two"
_STOP = frozenset({
    "a", "i", "the", "and", "for", "you", "your", "are", "was", "were", "with", "from", "that", "this",
    "have",
    "has", "had", "not", "but", "its", "it", "is", "in", "on", "of", "to", "an", "by", "as", "at", "be",
    "or", "if", "so", "do", "my", "me", "we", "our", "they", "them", "will", "would", "can", "could",
    "should", "what", "which", "who", "how", "please", "want", "need", "like", "order", "orders",
    "item", "items",
})  # fmt: skip


def tokens(text: str) -> list[str]:
    """Lower-case words and numbers, in order; ``credit_card_12`` is three, and 21st is 21."""
    return _WORD.findall(_ORDINAL.sub("", _ENDING.sub("", text.casefold())))


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """Enough of a word to know it by: needed, needing and need share one."""
    return word if any(c.isdigit() for c in word) or len(word) <= 4 else word[:4]


def features(values: Iterable[Json]) -> set[str]:
    """The stems of content words and the numbers in these values."""
    found: set[str] = set()
    for value in values:
        if not isinstance(value, bool) and value is not None:
            found |= _extract_features(str(value))
    return found


@lru_cache(maxsize=65536)
def _extract_features(text: str) -> frozenset[str]:
    words = tokens(text)
    if date := _ISO_DATE.fullmatch(text):  # said as "the 5th of May"
        words += [str(int(date[3])), *_MONTHS[int(date[2]) - 1 : int(date[2])]]
    return frozenset(stem(word) for word in words if word not in _STOP)


def _read_times(text: str) -> Iterator[float]:
    """The numbers that times are made of: half past five holds 5, 17 and 30, a day and a half 1.5 and 36."""
    for minute in find_clocks(text):
        yield from (minute // 60, minute % 60, minute // 60 % 12)
    for span in find_spans(text):
        yield from (span.seconds / unit for unit in _UNITS_OF_TIME if span.is_compound)


def _is_idiom(before: Sequence[str], word: str, after: Sequence[str]) -> bool:
    """ "In all", "at least", "first name" and "at first" pick nothing."""
    preposition = before[-1:] in (["in"], ["at"], ["above"], ["after"])
    name = word in ("first", "last") and after[:1] in (["name"], ["names"])
    return name or (preposition and word in ("all", "least", "most", "first", "last", "best"))


@dataclass(frozen=True)
class Wording:
    """What the agent is told: ``text`` is all of it, ``instruction`` the part in which cues count."""

    text: str
    instruction: str = ""

    @cached_property
    def words(self) -> list[str]:
        return tokens(self.text)

    @cached_property
    def stems(self) -> frozenset[str]:
        return frozenset(stem(word) for word in self.words)

    @cached_property
    def numbers(self) -> frozenset[float]:
        found = {float(number.replace(",", "")) for number in _NUMBER.findall(self.text) if len(number) < 300}
        for word in self.words:
            found |= set(_COUNTS.get(word, ()))
        return frozenset(
            found | set(find_spoken_numbers(split_pieces(self.text))) | set(_read_times(self.text))
        )

    @cached_property
    def digits(self) -> frozenset[float]:
        """The numbers that are said as such: in digits, or as two and more in words."""
        found = {float(number.replace(",", "")) for number in _NUMBER.findall(self.text) if len(number) < 300}
        words = {word for word in self.words if word in _COUNTS} - {"a", "an", "no", "one", "single", "once"}
        return frozenset(found | {count for word in words for count in _COUNTS[word]})

    @cached_property
    def folded(self) -> str:
        return " ".join(self.text.casefold().split())

    @cached_property
    def _dated(self) -> str:
        return write_ranks(self.folded)

    @cached_property
    def _clocks(self) -> frozenset[int]:
        return find_clocks(self.text)

    @cached_property
    def _cues(self) -> list[frozenset[str]]:
        """For each cue the stems of the words that it speaks of; none where it may speak of anything."""
        found = []
        for clause in _CLAUSE.split(self.instruction):
            words = tokens(clause)
            for index, word in enumerate(words):
                after = words[index + 1 : index + 1 + _GOVERNED]
                if word not in CUES or _is_idiom(words[:index], word, after):
                    continue
                free = not after or _PRONOUNS.intersection(after)
                telling = [one for one in words[index + 1 :] if one not in _PASSED_OVER][:_GOVERNED]
                found.append(frozenset() if free else frozenset(map(stem, (*after, *telling))))
        return found

    @property
    def cued(self) -> bool:
        """Is anything picked by a rule?"""
        return bool(self._cues)

    def picks(self, kinds: set[str]) -> bool:
        """May a thing that goes by one of these stems be picked by a rule, like "the cheapest flight"?"""
        return any(not speaks_of or speaks_of & kinds for speaks_of in self._cues)

    def says(self, value: Json) -> bool:
        """Is this value in the text: verbatim, as a number, as a date, or word by word?"""
        if isinstance(value, bool) or value is None:
            return True
        if isinstance(value, int | float):
            return self._says_number(take_float(value))
        folded = " ".join(str(value).casefold().split())
        if not folded or folded in self.folded:
            return True
        date = _ISO_DATE.fullmatch(folded)
        if date:
            return self._says_date(int(date[2]), int(date[3])) or self._leads_to(folded)
        return bool(read_clock(folded) & self._clocks) or self._says_words(folded)

    def counts(self, value: float, parameter: str) -> bool:
        """Is 0 or 1 said of what this parameter is about: "without bags", "a bag"? By themselves the words
        "a" and "no" are everywhere."""
        about = [word for word in tokens(parameter) if len(word) >= _ROOT]
        for index, word in enumerate(self.words):
            near = self.words[index + 1 : index + 1 + _GOVERNED]
            if value in _COUNTS.get(word, ()) and any(
                other[:_ROOT] == one[:_ROOT] for other in near for one in about
            ):
                return True
        return False

    @cached_property
    def amounts(self) -> frozenset[float]:
        """The numbers that may be said of an amount: not those of dates, cards, codes and zip codes."""
        bare = _CODE.sub(" ", self.text)
        found = {float(number) for number in re.findall(r"(?<![\w.-])\d{1,3}(?![\w-])", bare)}
        words = {word for word in self.words if word in _COUNTS} - {"a", "an", "no", "one", "single", "once"}
        return frozenset(found | {count for word in words for count in _COUNTS[word]})

    def _says_number(self, value: float) -> bool:
        # as a share or in per cent, as what is left of it, as a change by so much per cent
        forms = (value, -value, value * 100, value / 100, 1 - value, 1 + value, (value - 1) * 100)
        return any(abs(form - told) <= 1e-9 * max(1.0, abs(told)) for form in forms for told in self.numbers)

    def _says_date(self, month: int, day: int) -> bool:
        """Month and day beside each other (May 3, 3rd of May, 5/3): "may" alone is no month."""
        name = _MONTHS[month - 1] if 1 <= month <= 12 else "?"
        months = rf"(?:{name}|{name[:3]}\.?|{name[:4]}\.?)"
        days = rf"0?{day}(?:st|nd|rd|th)?"
        forms = rf"\b(?:{months} (?:the )?{days}|{days} (?:of )?{months}|0?{month}/0?{day})(?!\w)"
        return re.search(forms, self._dated) is not None

    def _leads_to(self, iso_date: str) -> bool:
        """Is this date said without its month, or counted from another one that is said?"""
        wanted = read_day(iso_date)
        return wanted is not None and (
            says_day_of_month(self.folded, wanted.day)
            or any(
                day.isoformat() in self.folded
                or self._says_date(day.month, day.day)
                or says_day_of_month(self.folded, day.day)
                for day in shift_back(wanted, self.folded)
            )
        )

    def _says_words(self, text: str) -> bool:
        words = tokens(text)
        if any(character.isdigit() for character in text) and not text[0].isdigit() and "_" in text:
            return False  # an id: its words alone do not name it
        return bool(words) and all(
            self._says_number(float(word))
            if word.isdecimal() and len(word) < 300
            else stem(word) in self.stems or (word in ORDINALS and self._says_number(float(ORDINALS[word])))
            for word in words
        )

    @cached_property
    def own(self) -> frozenset[str]:
        return frozenset(stem(word) for word in tokens(self.instruction or self.text))

    def mentioned(self, found: Set[str]) -> set[str]:
        """Which of these features the instruction itself names."""
        return set(self.own & found)
