"""Where generations end: end ids, stop strings, token limits, the context."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfchal.builtin_models.generation.stops import StopStrings
from selfchal.core.model import Generation, Message, Sampling
from tests.builtin_models.conftest import Make
from tests.builtin_models.talks import prompts
from tests.builtin_models.tiny import tokenizer
from tests.support.fuzz import examples

pytestmark = pytest.mark.torch


def test_a_stop_string_ends_a_generation_and_stays_in_it(make_model: Make) -> None:
    model = make_model()
    talks = prompts(model, tasks=3, group=20)
    free = model.generate(talks, Sampling(max_tokens=30))
    stop = next(generation.text[7:9] for generation in free if generation.text[7:9].isascii())
    stopped = model.generate(talks, Sampling(max_tokens=30, stop=(stop,)))
    assert any(stop in generation.text for generation in stopped)
    for before, after in zip(free, stopped, strict=True):
        assert after.ids == before.ids[: len(after.ids)], "a stop string only ever cuts"
        if stop in before.text:
            assert stop in after.text
            assert after.finished
            shorter = model._loaded.renderer.text(after.ids[:-1])
            assert stop not in shorter, "it ends with the token that completes the stop string"


def test_an_end_id_ends_a_generation_and_is_no_text(make_model: Make) -> None:
    model = make_model()
    talks = prompts(model, tasks=4, group=150)
    ended = [g for g in model.generate(talks, Sampling(max_tokens=40)) if g.ids[-1] == 2]
    assert ended, "among so many some end by themselves"
    assert all(g.finished and "<|im_end|>" not in g.text and 2 not in g.ids[:-1] for g in ended)


def test_max_tokens_cuts_and_says_so(make_model: Make) -> None:
    model = make_model()
    for generation in model.generate(prompts(model), Sampling(max_tokens=3)):
        assert len(generation.ids) <= 3
        assert generation.finished == (generation.ids[-1] == 2)


def test_the_context_is_never_exceeded(make_model: Make) -> None:
    model = make_model(context=40)
    talk = model.render_prompt([Message("user", "price " * 3)])
    assert len(talk) < 40
    for generation in model.generate([talk] * 4, Sampling(max_tokens=100)):
        assert len(talk) + len(generation.ids) <= 40
        assert not generation.finished or generation.ids[-1] == 2
    assert model.generate([list(range(3, 43))], Sampling()) == [Generation((), (), "", finished=False)]


def test_no_prompts_no_generations(make_model: Make) -> None:
    assert make_model().generate([], Sampling()) == []


TOKENIZER = tokenizer()


def _decode(ids: object) -> str:
    return str(TOKENIZER.decode(ids, clean_up_tokenization_spaces=False))


@settings(max_examples=examples(200))
@given(
    st.lists(st.integers(5, len(TOKENIZER) - 1), min_size=1, max_size=12),
    st.lists(st.sampled_from(["End Action", "\n", "n\n", "é", " ", "Answer: ", "on"]), max_size=3),
    st.text("End Action\nswer: é", max_size=24),
)
def test_stop_strings_are_found_exactly_when_the_text_holds_one(
    noise: list[int], stops: list[str], text: str
) -> None:
    """Asked after each token, the shortcut finds what decoding everything finds, at the same token."""
    ids = TOKENIZER.encode(text, add_special_tokens=False) + noise
    checker = StopStrings(stops, _decode)
    for size in range(1, len(ids) + 1):
        holds = any(stop in _decode(ids[:size]) for stop in stops)
        assert checker.reached(ids[:size]) == holds
        if holds:
            break


@pytest.mark.parametrize("stop", ["", "End Action"])
def test_no_stop_where_there_is_none(stop: str) -> None:
    ids = TOKENIZER.encode("Action: print(1)", add_special_tokens=False)
    assert not StopStrings([stop], _decode).reached(ids)


@pytest.mark.parametrize("opened", ["", "<think>\n"])
def test_a_stop_string_in_a_thought_stops_nothing(opened: str) -> None:
    thought = "It may say End Action or\nEnd Action."
    text = f"{thought if opened else f'<think>{thought}'}</think>\nAction: f()\nEnd Action"
    ids = TOKENIZER.encode(text, add_special_tokens=False)
    checker = StopStrings(["End Action"], _decode, opened)
    stopped = next(size for size in range(1, len(ids) + 1) if checker.reached(ids[:size]))
    assert _decode(ids[:stopped]) == text
