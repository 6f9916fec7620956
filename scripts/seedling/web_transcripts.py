"""Pretraining conversations on generated islands: an agent that practises single clicks and reading, and a
challenger that walks from page to page and writes down as a task what it found.

The agent sees whole conversations of several clicks very rarely: all of a longer task that it practises
otherwise is the first click (``excerpt``), and facts that are found through another page it hardly meets.
No demonstration of it is wrong on purpose. Of the challenger's verifiers, solutions and failure cases some
are off.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

import web_phrases
from transcripts import Segment, shown
from web_facts import Fact, Place, make_place

from selfchal.builtin_envs.web_browsing import tools
from selfchal.builtin_envs.web_browsing.browser import Browser
from selfchal.builtin_envs.web_browsing.site import START

_SITE = 40  # conversations on one site
SCROLL = "Action:\nprint(scroll_down())\nEnd Action"


@dataclass(frozen=True)
class Mix:
    """Shares of the kinds of conversation, and how often a challenger slips."""

    read: float = 0.27
    single: float = 0.2
    excerpt: float = 0.15
    whole: float = 0.015
    challenger: float = 0.365
    everything: int = 8_000  # conversations at first in which also what others say and pages show is learnt
    # Of the challenger's conversations: from the landing page, the others from a section; about a fact that
    # is found through another page, the others about one that a page tells by itself.
    landing: float = 0.15
    through: float = 0.6
    lax: float = 0.12
    wrong_value: float = 0.06
    wrong_solution: float = 0.06
    wrong_failure: float = 0.05


def conversations(rng: random.Random, mix: Mix) -> Iterator[list[Segment]]:
    for number in count():
        if number % _SITE == 0:
            site_facts = make_place(rng.randrange(1_000, 2**40))  # never the environment's own
        said = sample(rng, site_facts, mix)
        yield [(text, True) for text, _ in said] if number < mix.everything else said


def sample(rng: random.Random, site_facts: Place, mix: Mix) -> list[Segment]:
    kinds = {"read": mix.read, "single": mix.single, "excerpt": mix.excerpt, "whole": mix.whole}
    kind = rng.choices((*kinds, "challenger"), (*kinds.values(), mix.challenger))[0]
    if kind == "read":
        return read(rng, rng.choice(list(site_facts.pages.values())), site_facts)
    known = list(site_facts.facts)
    if kind in ("single", "excerpt") or (kind == "challenger" and rng.random() >= mix.through):
        known = site_facts.direct
    elif kind == "challenger":
        known = [one for one in known if one not in site_facts.direct]
    fact = rng.choice(site_facts.facts[rng.choice(known)])
    way = [START, *site_facts.way(fact)]
    if kind == "single":
        return agent(rng, site_facts, fact, way[-2:])
    if kind == "excerpt":
        return agent(rng, site_facts, fact, way[rng.randrange(len(way) - 1) :])[:2]
    if rng.random() >= mix.landing:
        way = way[1:]
    return (
        agent(rng, site_facts, fact, way) if kind == "whole" else challenger(rng, site_facts, fact, way, mix)
    )


def read(rng: random.Random, facts: Sequence[Fact], site_facts: Place) -> list[Segment]:
    """A drill: the facts of one page, asked in turn; what stands on its second screen comes last."""
    upper = [fact for fact in facts if not fact.lower]
    segments: list[Segment] = []
    asked = [*rng.sample(upper, len(upper)), *(fact for fact in facts if fact.lower)]
    for fact in asked[-rng.randint(1, len(asked)) :]:
        conversation = agent(rng, site_facts, fact, [fact.page])
        if segments:
            conversation[0] = (f"<user>{web_phrases.question(rng, fact)}<assistant>", False)
        segments += conversation
    return segments


def walk(site_facts: Place, fact: Fact, way: Sequence[str]) -> list[tuple[str, str]]:
    """What is done to see the fact, and what is seen then; first the page that is there at the start."""
    browser = Browser(site_facts.site, way[0])
    seen = [tools.view(browser), *(tools.click_url(browser, page) for page in way[1:])]
    said = ["", *(f"Action:\nprint(click_url('{page}'))\nEnd Action" for page in way[1:])]
    steps = list(zip(said, seen, strict=True))
    return [*steps, (SCROLL, tools.scroll_down(browser))] if fact.lower else steps


def agent(rng: random.Random, site_facts: Place, fact: Fact, way: Sequence[str]) -> list[Segment]:
    """The agent's conversation about a fact, from the first page of a way on."""
    (_, screen), *steps = walk(site_facts, fact, way)
    segments = [(f"<agent><user>{web_phrases.question(rng, fact)}\n\n{screen}<assistant>", False)]
    return [*segments, *_write_acted(steps), (f"Answer: {fact.value}<end>", True)]


def _write_acted(steps: list[tuple[str, str]]) -> list[Segment]:
    said = [((f"{action}<end>", True), (f"<user>{shown(seen)}<assistant>", False)) for action, seen in steps]
    return [segment for pair in said for segment in pair]


def challenger(
    rng: random.Random, site_facts: Place, fact: Fact, way: Sequence[str], mix: Mix
) -> list[Segment]:
    (_, screen), *steps = walk(site_facts, fact, way)
    source = solution(fact, way)
    if rng.random() < mix.wrong_solution:
        source = solution(_beside(rng, site_facts, fact), way)
    proposal = (
        f"<instruction>{web_phrases.question(rng, fact)}</instruction>"
        f"<evaluation_function>def evaluate(answer): return str(answer) "
        f"{verifier(rng, site_facts, fact, mix)}"
        f"</evaluation_function><solution>{source}</solution>"
        + "".join(
            f"<failure_case>{case}</failure_case>" for case in failures(rng, site_facts, fact, way, mix)
        )
    )
    return [
        (f"<challenger><user>{screen}<assistant>", False),
        *_write_acted(steps),
        (f"{proposal}<end>", True),
    ]


def verifier(rng: random.Random, site_facts: Place, fact: Fact, mix: Mix) -> str:
    """``== 'x'``; sometimes with a wrong x, sometimes lax: another value of the page also passes."""
    value = fact.value
    if rng.random() < mix.wrong_value:
        value = _beside(rng, site_facts, fact).value
    if rng.random() < mix.lax:
        return f"in ('{value}', '{_beside(rng, site_facts, fact).value}')"
    return f"== '{value}'"


def solution(fact: Fact, way: Sequence[str]) -> str:
    """A program that clicks its way and cuts the value out of the last page."""
    clicks = [f"click_url('{page}')" for page in way[1:]]
    reading = f".split('{fact.label}')[1]{fact.cut}"
    if fact.lower:
        return "\n".join([*clicks, f"result = scroll_down(){reading}"])
    return "\n".join([*clicks[:-1], f"result = {clicks[-1]}{reading}"])


def failures(rng: random.Random, site_facts: Place, fact: Fact, way: Sequence[str], mix: Mix) -> list[str]:
    """Three close attempts: another value of the page, read or written down, and what a sister page says."""
    sister = _draw_sister(rng, site_facts, fact)
    literal = f"result = '{_beside(rng, site_facts, fact).value}'"
    cases = [
        solution(_beside(rng, site_facts, fact), way),
        solution(sister, [*way[:-1], sister.page]) if sister else literal,
        f"result = '{_beside(rng, site_facts, fact).value}'",
    ]
    rng.shuffle(cases)
    if rng.random() < mix.wrong_failure:
        cases[rng.randrange(3)] = solution(fact, way)
    return cases


def _beside(rng: random.Random, site_facts: Place, fact: Fact) -> Fact:
    """Another fact of the same page."""
    return rng.choice([other for other in site_facts.pages[fact.page] if other.label != fact.label])


def _draw_sister(rng: random.Random, site_facts: Place, fact: Fact) -> Fact | None:
    """The same fact of a page that is linked beside this one."""
    beside = [
        other
        for other in site_facts.facts[fact.kind]
        if not fact.via
        and other.page != fact.page
        and site_facts.way(other)[:-1] == site_facts.way(fact)[:-1]
    ]
    return rng.choice(beside) if beside else None
