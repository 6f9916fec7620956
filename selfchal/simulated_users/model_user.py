"""Simulated users: played by a model (``llm``, ``react``) or by a script that needs none (``scripted``).

A model's user sees itself as the assistant of its own conversation; the agent's replies are its user
turns. ``###STOP###`` anywhere in what it says to the agent ends the episode (paper, figure 14).
"""

from __future__ import annotations

from selfchal.core.environment import Chat
from selfchal.core.model import Message

STOP = "###STOP###"
GREETING = "Hi! How can I help you today?"

RULES = """\
You play a customer who talks to a customer service agent.

What you want, and what you know:
{instruction}

How to play:
{form}
- Say one line at a time, and only what is needed now; do not tell everything at once.
- Say it in your own words, in the manner that your instruction gives you; do not quote the instruction.
- Know only what the instruction says. Asked for something else (an order number, say), answer that you do \
not remember it or do not have it; never invent it.
- Once all that you want is settled, {stop}\
"""
PLAIN_FORM = "- Write just the line that you say to the agent."
PLAIN_STOP = f"answer with {STOP} alone."
THINKING_FORM = """\
- First think about what to do next; the agent does not see this. Then give the one line that you say. \
Always in this form:

Thought:
<what you think>

User Response:
<the line that you say>
"""
THINKING_STOP = f"give {STOP} alone as the User Response."
RESPONSE = "User Response:"
THOUGHT = "Thought:"


class ModelUser:
    """A user played by a model; with ``thinks`` it writes a thought before each line (``react``)."""

    def __init__(self, instruction: str, chat: Chat, thinks: bool) -> None:
        form, stop = (THINKING_FORM, THINKING_STOP) if thinks else (PLAIN_FORM, PLAIN_STOP)
        rules = RULES.format(instruction=instruction, form=form, stop=stop)
        self._chat = chat
        self._thinks = thinks
        self._messages = [Message("system", rules)]

    def open(self) -> str:
        return self._take_turn(GREETING) or ""

    def reply(self, said: str) -> str | None:
        return self._take_turn(said)

    def _take_turn(self, said: str) -> str | None:
        self._messages.append(Message("user", said))
        text = self._chat(self._messages)
        self._messages.append(Message("assistant", text))
        line = spoken(text) if self._thinks else text.strip()
        return None if STOP in line else line


def spoken(text: str) -> str:
    """What a thinking user says to the agent: what follows ``User Response:``, never the thought.

    Without that marker it is the text after the thought's first paragraph, or the whole of it.
    """
    if RESPONSE in text:
        return text.rsplit(RESPONSE, 1)[1].strip()
    if THOUGHT in text:
        thought = text.split(THOUGHT, 1)[1].strip()
        return thought.split("\n\n", 1)[1].strip() if "\n\n" in thought else thought
    return text.strip()
