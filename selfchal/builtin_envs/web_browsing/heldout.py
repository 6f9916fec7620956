"""The held-out tasks on our own site: 100 in the split ``test``, 40 in ``dev``, always the same ones.

Each asks for facts that are two to five clicks away, and knows the pages that hold them, so that the way
to the answer is found on the site itself and not written down. ``dev`` has its own words.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from functools import cache

from selfchal.builtin_envs.web_browsing.pages import own_site
from selfchal.builtin_envs.web_browsing.questions import KINDS, Question
from selfchal.builtin_envs.web_browsing.site import START, Site
from selfchal.builtin_envs.web_browsing.site_facts import SiteFacts, site_facts
from selfchal.core.task import TestTask

_COUNTS: Mapping[str, int] = {"test": 20, "dev": 8}  # tasks of each kind
_SEEDS: Mapping[str, int] = {"test": 9001, "dev": 9002}

Ask = Callable[[random.Random, SiteFacts, str], Question]


@cache
def test_tasks(split: str) -> tuple[TestTask, ...]:
    """``truth`` holds ``answer`` and ``turns``, the agent's turns that solve the task. Raises KeyError
    for another split."""
    rng, count, site = random.Random(_SEEDS[split]), _COUNTS[split], own_site()
    tasks: list[TestTask] = []
    asked: set[str] = set()
    for kind, ask in KINDS.items():
        wanted = len(tasks) + count
        while len(tasks) < wanted:
            question = ask(rng, site_facts(), split)
            if question.text not in asked:
                asked.add(question.text)
                tasks.append(_make_task(f"{split}-{len(tasks):03d}", kind, question, site))
    return tuple(tasks)


def _make_task(name: str, kind: str, question: Question, site: Site) -> TestTask:
    return TestTask(
        id=name,
        instruction=question.text,
        context={},
        truth={
            "answer": question.answer,
            "turns": [*_write_visits(question.pages, site), _write_instruction(question)],
        },
        family=kind,
    )


def _write_instruction(question: Question) -> str:
    return f"Answer: {question.answer}"


def _write_visits(pages: Sequence[str], site: Site) -> list[str]:
    """One action a page: click there from the page before, then look at it to its end."""
    turns, here = [], START
    for page in pages:
        way = site.way(here, page)
        clicks = [f"click_url({name!r})" for name in way[:-1]]
        lines = [*clicks, f"print(click_url({way[-1]!r}))", "print(scroll_down())"]
        turns.append("\n".join(["Action:", *lines, "End Action"]))
        here = page
    return turns
