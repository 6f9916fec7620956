"""Rendering by appending: the same ids as rendering the whole, and nothing sampled is tokenised again."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfchal.builtin_models.rendering import Renderer
from selfchal.core.errors import ModelError
from selfchal.core.model import Generation, Message
from tests.builtin_models.tiny import CHATML, tokenizer
from tests.support.fuzz import examples

pytestmark = pytest.mark.torch

TRIMMING = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n\n{{ m['content'] | trim }}<|im_end|>{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n\n{% endif %}"
)
NO_SYSTEM = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    + CHATML
)
THINKING = (  # as Qwen3: thoughts of turns before the last user message are dropped
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n"
    "{% if m['role'] == 'assistant' and loop.last %}<think>\n\n</think>\n\n{% endif %}"
    "{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n\n</think>\n\n{% endif %}"
)
SHOUTING = CHATML.replace("m['content']", "m['content'] | upper if m['role'] == 'user' else m['content']")
ONE_SHOT = (
    "{% if messages | length > 1 %}{{ raise_exception('one message only') }}{% endif %}"
    "Q: {{ messages[0]['content'] }}\nA:"
)
ENDS = frozenset({2})
TALK = [Message("system", "Be kind."), Message("user", "Find 1"), Message("assistant", "Action: print(1)")]
SEEN = Message("user", "Observation: 1")


def renderer(template: str | None) -> Renderer:
    return Renderer(tokenizer(template), ENDS)


def said(view: Renderer, text: str, end: bool = True) -> Generation:
    ids = (*view.encode(text), *([2] if end else []))
    return Generation(ids, (0.0,) * len(ids), text, finished=end)


@pytest.mark.parametrize(
    "template", [CHATML, TRIMMING, NO_SYSTEM, SHOUTING], ids=["chatml", "trim", "nosys", "up"]
)
@pytest.mark.parametrize("end", [True, False], ids=["ended", "cut"])
@pytest.mark.parametrize("answer", ["Observation: 1", " x \n", "", "End Action\n\n7"])
def test_turns_add_up_to_the_whole(template: str, end: bool, answer: str) -> None:
    view = renderer(template)
    generation = said(view, TALK[2].content, end)
    grown = [*view.prompt(tuple(TALK[:2])), *generation.ids, *view.turn(generation, Message("user", answer))]
    assert view.append_only
    assert grown == list(view.prompt((*TALK, Message("user", answer))))


@settings(max_examples=examples(150))
@given(st.text(max_size=30), st.text(max_size=30))
def test_turns_add_up_for_any_text(first: str, second: str) -> None:
    view = renderer(CHATML)
    talk = [Message("user", first), TALK[2], Message("user", second)]
    generation = said(view, TALK[2].content)
    grown = [*view.prompt(tuple(talk[:1])), *generation.ids, *view.turn(generation, talk[2])]
    assert grown == list(view.prompt(tuple(talk)))


def test_sampled_ids_are_kept_even_where_no_tokenizer_would_write_them() -> None:
    view = renderer(CHATML)
    letters = tuple(token for letter in "Action" for token in view.encode(letter))
    assert letters != tuple(view.encode("Action")), "the tokenizer would merge these"
    generation = Generation((*letters, 2), (0.0,) * 7, "Action", finished=True)
    turn = view.turn(generation, SEEN)
    assert view.decode(turn) == "\n<|im_start|>user\nObservation: 1<|im_end|>\n<|im_start|>assistant\n"


def test_a_template_that_drops_thoughts_is_known_and_nothing_is_dropped() -> None:
    view = renderer(THINKING)
    assert not view.append_only
    generation = said(view, "<think>hm</think>Action: 1")
    grown = [*view.prompt(tuple(TALK[:2])), *generation.ids, *view.turn(generation, SEEN)]
    assert "<think>hm</think>Action: 1<|im_end|>" in view.decode(grown)
    assert view.decode(grown).endswith("<|im_start|>assistant\n<think>\n\n</think>\n\n")


@pytest.mark.parametrize("template", [None, "", ONE_SHOT], ids=["none", "empty", "one-shot"])
def test_plain_text_where_no_template_holds_a_conversation(template: str | None) -> None:
    view = renderer(template)
    assert view.plain_text
    assert view.append_only
    generation = said(view, "Action: 1", end=False)
    grown = [*view.prompt(tuple(TALK[:2])), *generation.ids, *view.turn(generation, SEEN)]
    assert view.decode(grown) == (
        "Be kind.\n\nUser:\nFind 1\n\nAssistant:\nAction: 1\n\nUser:\nObservation: 1\n\nAssistant:\n"
    )


def test_plain_text_ends_a_turn_at_the_other_sides_header() -> None:
    view = renderer(None)
    generation = said(view, "Answer: 7\n\nUser:", end=False)
    assert view.stops == ("\nUser:",)
    assert view.text(generation.ids) == "Answer: 7\n"
    turn = view.decode([*generation.ids, *view.turn(generation, SEEN)])
    assert turn == "Answer: 7\n\nUser:\nObservation: 1\n\nAssistant:\n", "its own header is not said twice"


def test_a_template_of_ones_own_replaces_the_tokenizers() -> None:
    assert Renderer(tokenizer(ONE_SHOT), ENDS, CHATML).plain_text is False
    assert Renderer(tokenizer(CHATML), ENDS, "").plain_text is True


def test_a_conversation_that_the_template_refuses_says_how_to_go_on() -> None:
    strict = (
        "{% if messages[0]['role'] == 'assistant' %}{{ raise_exception('user first') }}{% endif %}" + CHATML
    )
    view = renderer(strict)
    with pytest.raises(ModelError, match=r"refuses a conversation of assistant: user first.*chat_template"):
        view.prompt((TALK[2],))


def test_the_end_of_turn_of_the_template_ends_a_turn_too() -> None:
    """Models whose files name another end id than the template writes (base weights, chat template)."""
    assert Renderer(tokenizer(CHATML), frozenset({0})).ends == {0, 2}


def test_where_the_prompt_opens_a_thought_the_text_says_so() -> None:
    view = renderer(CHATML.replace("assistant\n{% endif %}", "assistant\n<think>\n{% endif %}"))
    assert view.decode(view.prompt(tuple(TALK[:2]))).endswith("<think>\n")
    ids = view.encode("hm\n</think>\nAnswer: 1")
    assert view.text([*ids, 2]) == "<think>\nhm\n</think>\nAnswer: 1"
    assert renderer(CHATML).text(ids) == "hm\n</think>\nAnswer: 1"


def test_the_end_of_a_channel_does_not_end_the_turn() -> None:
    """As gpt-oss, whose analysis ends with the same token as the messages of its template."""
    harmony = "{# <|channel|> #}" + CHATML
    own = frozenset({3})
    assert Renderer(tokenizer(CHATML), own).ends == {2, 3}
    assert Renderer(tokenizer(harmony), own).ends == {3}


def test_system_text_that_a_template_leaves_out_opens_the_first_user_turn(
    caplog: pytest.LogCaptureFixture,
) -> None:
    deaf = f"{{% set messages = messages | rejectattr('role', 'equalto', 'system') | list %}}{CHATML}"
    view = renderer(deaf)
    said = [row.message for row in caplog.records if "leaves out system messages" in row.message]
    assert len(said) == 1
    assert view.decode(view.prompt(tuple(TALK[:2]))) == (
        "<|im_start|>user\nBe kind.\n\nFind 1<|im_end|>\n<|im_start|>assistant\n"
    )


def test_a_template_that_says_so_may_leave_system_text_out(caplog: pytest.LogCaptureFixture) -> None:
    deaf = f"{{% set messages = messages | rejectattr('role', 'equalto', 'system') | list %}}{CHATML}"
    view = renderer("{#- system text is left out on purpose -#}" + deaf)
    assert not caplog.records
    assert "Be kind." not in view.decode(view.prompt(tuple(TALK[:2])))


def test_a_template_that_holds_system_text_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    view = renderer(CHATML)
    assert "<|im_start|>system\nBe kind.<|im_end|>" in view.decode(view.prompt(tuple(TALK[:2])))
    assert not caplog.records


ASKS = (
    CHATML + "{% if add_generation_prompt and enable_thinking is false %}<think>\n\n</think>\n\n{% endif %}"
)


@pytest.mark.parametrize(("arguments", "thought"), [({}, False), ({"enable_thinking": False}, True)])
def test_variables_of_the_template_reach_every_prompt_and_turn(
    arguments: dict[str, bool], thought: bool
) -> None:
    view = Renderer(tokenizer(ASKS), ENDS, arguments=arguments)
    between = view.decode(view.turn(said(view, "x"), SEEN))
    for text in (view.decode(view.prompt(tuple(TALK[:2]))), between):
        assert text.endswith("</think>\n\n") is thought


def test_a_variable_that_the_template_does_not_read_is_refused() -> None:
    with pytest.raises(ModelError, match="does not read enable_thinkin"):
        Renderer(tokenizer(ASKS), ENDS, arguments={"enable_thinkin": False})


BROKEN = {
    "{% for m in messages %}\n{{ m['content'] }": r"broken in line 2: ",
    "{% for m in messages %}\n\n{{ m['content'] }}": r"broken in line \d: .*end",
    "{{ messages[0]['content'] }}\n{{ messages[0].nothing.more }}": r"broken in line 2: ",
    "{{ messages[0]['content'] }}\n{{ nobody() }}": r"broken in line 2: ",
    "{{ messages[0]['content'] + 3 }}": r"broken in line 1: ",
    "nowhere/template.jinja": r"'nowhere/template\.jinja': No such file",
}


@pytest.mark.parametrize("template", BROKEN)
def test_a_template_that_is_broken_or_missing_is_an_error_with_its_line(template: str) -> None:
    with pytest.raises(ModelError, match=BROKEN[template]):
        Renderer(tokenizer(CHATML), ENDS, template)


def test_a_template_may_be_a_file(tmp_path: Path) -> None:
    file = tmp_path / "chat.jinja"
    file.write_text(CHATML)
    of_file = Renderer(tokenizer(None), ENDS, str(file))
    assert renderer(CHATML).prompt(tuple(TALK)) == of_file.prompt(tuple(TALK))
