"""Simulated users: the model's, whose thoughts stay its own, and the scripted one."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from selfchal.builtin_envs.retail.environment import Retail
from selfchal.builtin_envs.service.environment import ServiceConfig
from selfchal.core.errors import EnvironmentDataError
from selfchal.core.model import Message
from selfchal.simulated_users.model_user import ModelUser, spoken
from selfchal.simulated_users.scripted_user import ScriptedUser, first_person

WANTS = (
    "You are Ada Novak, and your email is ada.novak@example.com. You want to cancel order #W1234567, because "
    "you no longer need it (no longer needed). Refund to your credit card ending in 1234."
)


class Scripted:
    """A model that says what it was given to say, and remembers what it was asked."""

    def __init__(self, *lines: str) -> None:
        self.lines = list(lines)
        self.asked: list[list[Message]] = []

    def __call__(self, messages: Sequence[Message]) -> str:
        self.asked.append(list(messages))
        return self.lines.pop(0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Thought:\nI should greet.\n\nUser Response:\nHello, I am Ada.", "Hello, I am Ada."),
        ("Thought: short\nUser Response: Yes.", "Yes."),
        ("Thought: a\n\nThought: b\n\nUser Response: Yes.", "Yes."),
        ("Thought: I greet.\n\nHello.", "Hello."),
        ("User Response: Yes.", "Yes."),
        ("Just a line.", "Just a line."),
    ],
)
def test_a_thought_is_never_said(text: str, said: str) -> None:
    assert spoken(text) == said


def test_a_models_user_speaks_until_it_stops() -> None:
    chat = Scripted("Hi, I am Ada.", "Yes, please.", "###STOP###")
    user = ModelUser(WANTS, chat, thinks=False)
    assert user.open() == "Hi, I am Ada."
    assert user.reply("Shall I cancel it?") == "Yes, please."
    assert user.reply("It is done.") is None
    system, *turns = chat.asked[-1]
    assert system.role == "system"
    assert WANTS in system.content
    assert [turn.role for turn in turns] == ["user", "assistant", "user", "assistant", "user"]
    assert turns[-1].content == "It is done."


def test_only_a_said_stop_stops_a_thinking_user() -> None:
    chat = Scripted(
        "Thought:\nLater I shall say ###STOP###.\n\nUser Response:\nHello.",
        "Thought:\nAll is settled.\n\nUser Response:\n###STOP###",
    )
    user = ModelUser(WANTS, chat, thinks=True)
    assert user.open() == "Hello."
    assert user.reply("Done.") is None


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        ("Could you give me your email?", "ada.novak@example.com"),
        ("May I have your name?", "Ada Novak"),
        ("What is the order number?", "#W1234567"),
        ("What is the reason for the cancellation?", "no longer needed"),
        ("Which payment method should get the refund?", "credit card ending in 1234"),
        ("I will cancel #W1234567 and refund 12.30. Do you want me to proceed (yes/no)?", "Yes"),
        ("What is your zip code?", "do not remember"),
    ],
)
def test_the_scripted_user_answers_from_its_instruction(said: str, heard: str) -> None:
    user = ScriptedUser(WANTS)
    assert heard in str(user.reply(said))


@pytest.mark.parametrize(
    "said",
    ["Done. 74.78", "Your order has been cancelled. Is there anything else I can help you with?", "All set!"],
)
def test_the_scripted_user_leaves_when_it_is_served(said: str) -> None:
    assert ScriptedUser(WANTS).reply(said) is None


def test_the_scripted_user_says_the_same_every_time_and_loses_patience() -> None:
    first, second = ScriptedUser(WANTS), ScriptedUser(WANTS)
    assert first.open() == second.open()
    assert "I want to cancel order #W1234567" in first.open()
    replies = [first.reply("ok") for _ in range(3)]
    assert replies[0] is not None
    assert None in replies


def test_instructions_are_said_in_the_first_person() -> None:
    said = first_person("You are Ada. Your zip is 1. You want it sent to you; you've paid yourself.")
    assert said == "I am Ada. My zip is 1. I want it sent to me; I've paid myself."


def test_a_models_user_without_a_model_is_refused() -> None:
    environment = Retail(ServiceConfig(user="react"))
    with pytest.raises(EnvironmentDataError, match=r"environment\.user"):
        environment.user(WANTS, {}, None)
    user = environment.user(WANTS, {}, Scripted("User Response: Hello."))
    assert user.open() == "Hello."
