"""The models' kit passes a sound model, and each of its cases fails for one that breaks its rule."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel

from selfchal.core.model import Capability, Generation, Message, Sampling
from selfchal.plugins import load_plugins
from selfchal.testing.conformance import Case, model_cases
from selfchal.testing.scripted import END, ScriptedModel

_COUNT = itertools.count()


class Options(BaseModel, extra="forbid"):
    pass


class Letters(ScriptedModel):
    """Says how many letters it was told; characters are its tokens."""

    name: ClassVar[str] = "letters"
    Config: ClassVar[type[BaseModel]] = Options

    def __init__(self, config: Options) -> None:
        super().__init__(lambda told: f"It is {len(told)}")

    @classmethod
    def provides(cls, config: Options) -> frozenset[Capability]:
        return frozenset({Capability.TEXT, Capability.TOKEN_IDS, Capability.LOGPROBS})

    def _generation(self, text: str, sampling: Sampling) -> Generation:
        for stop in sampling.stop:
            if stop in text:
                text = text[: text.index(stop) + len(stop)]
                ids = tuple(self.encode(text))
                return Generation(ids, (0.0,) * len(ids), text, finished=True)
        said = super()._generation(text, sampling)
        return replace(said, logprobs=(0.0,) * len(said.ids))  # there is nothing else that it might say


@pytest.mark.parametrize("case", model_cases(Letters), ids=str)
def test_a_sound_model_passes(case: Case) -> None:
    case()


class Sleeping(Letters):
    """Gives up what it says it with for an update."""

    asleep = updating = False

    def begin_update(self) -> None:
        assert not self.updating
        self.updating = self.asleep = True

    def end_update(self) -> None:
        self.updating = False

    def generate(self, prompts: Sequence[Sequence[int]], sampling: Sampling) -> list[Generation]:
        assert not self.updating
        self.asleep = False
        return super().generate(prompts, sampling)


class Forgetting(Sleeping):
    def _generation(self, text: str, sampling: Sampling) -> Generation:
        return super()._generation("nothing" if self.asleep else text, sampling)

    def generate(self, prompts: Sequence[Sequence[int]], sampling: Sampling) -> list[Generation]:
        return Letters.generate(self, prompts, sampling)


def test_a_model_takes_back_what_it_gave_up_for_an_update() -> None:
    rule = "takes back what it gave up for an update"
    (case,) = [case for case in model_cases(Sleeping) if case.rule == rule]
    case()
    (case,) = [case for case in model_cases(Forgetting) if case.rule == rule]
    with pytest.raises(AssertionError, match="after updates that changed nothing it said 'nothing'"):
        case()
    assert rule not in {case.rule for case in model_cases(Letters)}


@pytest.mark.torch
@pytest.mark.slow
@pytest.mark.parametrize("case", model_cases(load_plugins().find("model", "seedling")), ids=str)
def test_the_embedded_model_passes(case: Case) -> None:
    case()


def _lose_logprobs(self: Letters, text: str, sampling: Sampling) -> Generation:
    said = Letters._generation(self, text, sampling)
    return replace(said, logprobs=said.logprobs[1:])


def _go_on(self: Letters, text: str, sampling: Sampling) -> Generation:
    return Letters._generation(self, text, replace(sampling, stop=()))


def _vary(self: Letters, text: str, sampling: Sampling) -> Generation:
    return Letters._generation(self, f"{next(_COUNT)} {text}", sampling)


def _talk_too_long(self: Letters, text: str, sampling: Sampling) -> Generation:
    return Letters._generation(self, text * 9, replace(sampling, max_tokens=99))


def _drop_one(self: Letters, prompts: Sequence[Sequence[int]], sampling: Sampling) -> list[Generation]:
    return Letters.generate(self, prompts, sampling)[:1]


class _Stuck:
    """A stream whose turns never end."""

    def join(self, key: int, prompt: Sequence[int]) -> None: ...

    def advance(self) -> list[tuple[int, Generation]]:
        return []


def _render_the_time(self: Letters, messages: Sequence[Message]) -> list[int]:
    return [*Letters.render_prompt(self, messages), END, next(_COUNT)]


BROKEN: list[tuple[str, dict[str, Any], str]] = [
    ("says what it gives without being loaded", {"provides": classmethod(lambda cls, config: {Capability.LOGPROBS})},
     "leaves out Capability.TEXT"),
    ("renders a conversation to ids that only grow", {"render_prompt": _render_the_time}, "gave two texts"),
    ("gives one turn a prompt, with a log-probability a token", {"_generation": _lose_logprobs},
     "tokens and 8 log-probabilities"),
    ("gives one turn a prompt, with a log-probability a token", {"_generation": _talk_too_long}, "of 12 at most"),
    ("gives one turn a prompt, with a log-probability a token", {"generate": _drop_one}, "prompts gave 1 turns"),
    ("gives the same again with the same seed", {"_generation": _vary}, "gave other turns after reset_cache()"),
    ("ends a turn at a stop string", {"_generation": _go_on}, "it went on after the stop string"),
    ("streams every turn to its end, whenever it joined", {"stream": lambda self, sampling: _Stuck()},
     "0 of 3 turns have ended"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "change", "sentence"), BROKEN)
def test_each_broken_rule_is_found(rule: str, change: dict[str, Any], sentence: str) -> None:
    (case,) = [case for case in model_cases(type("Broken", (Letters,), change)) if case.rule == rule]
    with pytest.raises(AssertionError, match=re.escape(sentence)):
        case()
