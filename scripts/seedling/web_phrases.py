"""How the pretraining for web_browsing words a question: the patterns of ``web_wording.yaml``.

Sentences that also stand in a held-out question (names and numbers aside) are left out.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from web_facts import Fact

from selfchal.builtin_envs.web_browsing import names
from selfchal.builtin_envs.web_browsing.questions import KINDS
from selfchal.builtin_envs.web_browsing.site_facts import site_facts

_WORDING: Mapping[str, Any] = yaml.safe_load((Path(__file__).parent / "web_wording.yaml").read_text("utf-8"))
_OWN = 0.55  # share of the sentences that belong to one kind of fact
_NOTED = 0.6  # share of the questions that end with a note on the form of the answer
_DRAWS = 1500  # held-out questions drawn of each kind and split: every way in which they are worded


def question(rng: random.Random, fact: Fact) -> str:
    """The fact as a question, with or without a note on the form of the answer."""
    sentence = pattern(rng, fact)
    while masked(sentence, fact) in held_out():
        sentence = pattern(rng, fact)
    text = sentence.format(**fact.names)
    if rng.random() < _NOTED:
        text = f"{text} {note(rng, fact)}"
    return text[0].upper() + text[1:] if text.startswith(("the ", "somebody ")) else text


def note(rng: random.Random, fact: Fact) -> str:
    """On the form of the answer."""
    own = "whole" if fact.value.isdigit() else "money" if re.fullmatch(r"\d+\.\d\d", fact.value) else "any"
    return chosen(rng, rng.choice(_WORDING["notes"][rng.choice((own, "any"))]))


def pattern(rng: random.Random, fact: Fact) -> str:
    """A sentence with the names of the thing still open."""
    words = _WORDING["facts"][fact.kind]
    thing = chosen(rng, rng.choice(_WORDING["things"][fact.thing]))
    if rng.random() < _OWN:
        return chosen(rng, rng.choice(words["own"])).replace("{x}", thing)
    noun = chosen(rng, rng.choice(words["nouns"]))
    if noun.endswith((" of", " to")):
        return chosen(rng, rng.choice(_WORDING["wholes"])).replace("{w}", f"{noun} {thing}")
    return chosen(rng, rng.choice(_WORDING["frames"])).replace("{a}", noun).replace("{x}", thing)


def chosen(rng: random.Random, pattern: str) -> str:
    """One of the phrases that a pattern stands for."""
    text = re.sub(r"\[([^\]]*)\]", lambda match: rng.choice(match[1].split("|")), pattern)
    return re.sub(" +", " ", text).replace(" ,", ",")


def masked(sentence: str, fact: Fact) -> str:
    """The sentence without the names that it is about."""
    blank = dict.fromkeys(fact.names, "*") | {"n": "one *"}
    return sentence.format(**blank)


@cache
def held_out() -> frozenset[str]:
    """Every sentence of the held-out questions, without names and numbers."""
    rng, facts, found = random.Random(0), site_facts(), set[str]()
    for split in ("test", "dev"):
        for ask in KINDS.values():
            for _ in range(_DRAWS):
                found.update(sentences(nameless(ask(rng, facts, split).text)))
    return frozenset(found)


def sentences(text: str) -> list[str]:
    return re.split(r"(?<=[.?!:]) (?=[A-Z])", text)


@cache
def _names() -> re.Pattern[str]:
    facts = site_facts()
    people = [person.name for person in facts.people]
    goods = [good.name for good in facts.goods]
    titles = [book.title for book in facts.books]
    known = [*people, *goods, *titles, *fixed_names()]
    return re.compile("|".join(map(re.escape, sorted(known, key=len, reverse=True))))


def nameless(text: str) -> str:
    """The text without names of things; of goods, "one kilo of" is part of the name."""
    text = _names().sub("*", text)
    return re.sub(r"\bone (?:kilo|jar) of \*", "one *", text)


def fixed_names() -> list[str]:
    """The names of places and things, which are the same on every island."""
    groups: Iterable[Iterable[str]] = (
        names.OFFICES, names.SHIPS, names.DESTINATIONS, names.STALLS, *names.STALLS.values(), names.HALLS,
        *names.HALLS.values(), names.SHELVES, *names.SHELVES.values(), names.TRAILS, names.EVENTS,
        *names.EVENTS.values(), names.PLACES, names.MATERIALS, names.HOBBIES, names.ROLES, names.WEEKDAYS,
    )  # fmt: skip
    return list(dict.fromkeys(name for group in groups for name in group))


def texts() -> list[str]:
    """Every word that may stand in a question. The held-out questions give their words, not their
    sentences: the few that the pretraining lacks get a token of their own, which stays untrained."""
    own = [*_WORDING["frames"], *_WORDING["wholes"]]
    own += [phrase for group in _WORDING["notes"].values() for phrase in group]
    own += [phrase for group in _WORDING["things"].values() for phrase in group]
    own += [phrase for group in _WORDING["facts"].values() for kind in group.values() for phrase in kind]
    return [re.sub(r"[\[\]|]", " ", phrase) for phrase in own] + sorted(held_out())
