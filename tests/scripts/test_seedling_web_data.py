"""The pretraining for web_browsing: other islands, other sentences, right demonstrations, an exact tokenizer."""

from __future__ import annotations

import random
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from selfchal.builtin_envs.web_browsing.environment import WebBrowsing, WebBrowsingConfig
from selfchal.builtin_envs.web_browsing.heldout import test_tasks as held_out_tasks
from selfchal.builtin_envs.web_browsing.site_facts import site_facts
from selfchal.rollout.actions import Act, Say, parse_turn

pytestmark = pytest.mark.torch

SCRIPTS = Path(__file__).parents[2] / "scripts" / "seedling"


@pytest.fixture(scope="module")
def scripts() -> Any:
    """The pretraining scripts, which are run as files and so import one another by bare name."""
    sys.path.insert(0, str(SCRIPTS))
    try:
        import web_facts
        import web_phrases
        import web_tokens
        import web_transcripts
    finally:
        sys.path.remove(str(SCRIPTS))
    return {
        "facts": web_facts,
        "phrases": web_phrases,
        "tokens": web_tokens,
        "transcripts": web_transcripts,
    }


@pytest.fixture(scope="module")
def conversations(scripts: Any) -> list[str]:
    transcripts = scripts["transcripts"]
    made = transcripts.conversations(random.Random(5), transcripts.Mix())
    return ["".join(text for text, _ in next(made)) for _ in range(4000)]


def questions(conversations: list[str]) -> list[str]:
    asked = [m[1] for text in conversations if (m := re.match(r"<agent><user>(.*?)\n\n-", text))]
    return asked + [
        m for text in conversations for m in re.findall(r"<instruction>(.*?)</instruction>", text)
    ]


def test_no_held_out_sentence_and_no_held_out_question_occurs(scripts: Any, conversations: list[str]) -> None:
    phrases = scripts["phrases"]
    known = {
        phrases.nameless(task.instruction) for split in ("test", "dev") for task in held_out_tasks(split)
    }
    sentences = {sentence for text in known for sentence in phrases.sentences(text)}
    assert len(sentences) > 60
    asked = questions(conversations)
    assert len(asked) > 3000
    # Names of people differ from site_facts to site_facts; every other name is masked on both sides.
    people = re.compile(rf"(?:{'|'.join(_first_names())}) [A-Z][a-z]+")
    own = {s for text in asked for s in phrases.sentences(phrases.nameless(people.sub("*", text)))}
    assert not own & sentences
    assert not {task.instruction for split in ("test", "dev") for task in held_out_tasks(split)} & set(asked)


def _first_names() -> set[str]:
    from selfchal.builtin_envs.web_browsing import names

    return set(names._FIRST)


def test_every_kind_of_fact_is_asked_in_many_ways(scripts: Any) -> None:
    rng, phrases = random.Random(1), scripts["phrases"]
    for facts in scripts["facts"].make_place(7).facts.values():
        assert len({phrases.pattern(rng, facts[0]) for _ in range(200)}) >= 40


def test_the_islands_are_not_the_environments_own(conversations: list[str]) -> None:
    """What the own site says of people, and so of their phones, occurs nowhere."""
    text = "\n".join(conversations)
    assert not [person for person in site_facts().people if person.phone in text]


def test_demonstrations_are_what_the_environment_shows(scripts: Any) -> None:
    """Played on the environment itself, where the site_facts is its own: same screens, and the answer is there."""
    transcripts, made = scripts["transcripts"], scripts["facts"].make_place(41)
    environment, rng = WebBrowsing(WebBrowsingConfig()), random.Random(3)
    assert made.site.pages == environment.open({}).browser.site.pages
    for facts in made.facts.values():
        way = ["/", *made.way(facts[-1])]
        (opening, _), *rest = transcripts.agent(rng, made, facts[-1], way)
        assert opening.endswith(f"\n\n{environment.initial_observation({})}<assistant>")
        world, seen = environment.open({}), ""
        for text, learnt in rest:
            if learnt:
                turn = parse_turn(text.removesuffix("<end>"))
                if isinstance(turn, Act):
                    name, argument = re.fullmatch(r"print\((\w+)\('?([^']*)'?\)\)", turn.code).groups()  # type: ignore[union-attr]  # it matches
                    seen = world.call(name, (argument,) if argument else (), {}).value
            else:
                assert text == f"<user>Observation:\n{seen}<assistant>"
        assert isinstance(turn, Say)
        assert turn.text == facts[-1].value
        assert turn.text in seen


def test_whole_walks_are_rare(scripts: Any) -> None:
    mix = scripts["transcripts"].Mix()
    assert mix.whole < 0.1 * mix.single


def test_the_tokenizer_gives_every_text_back_and_screens_are_short(
    scripts: Any, conversations: list[str]
) -> None:
    tokenizer = scripts["tokens"].build()
    for text in [*conversations[:1000], *(task.instruction for task in held_out_tasks("test"))]:
        ids = tokenizer.encode(text, add_special_tokens=False)
        assert tokenizer.unk_token_id not in ids
        assert tokenizer.decode(ids) == text
        assert len(ids) < 512
    world = WebBrowsing(WebBrowsingConfig()).open({})
    for page in world.browser.site.pages:
        world.browser.open(page)
        while True:
            screen = world.call("view", (), {}).value
            assert len(tokenizer.encode(screen, add_special_tokens=False)) < 80
            if not world.browser.down():
                break
