"""One prompt to an endpoint, and what a person may be told of its failure."""

from __future__ import annotations

from selfchal.builtin_models import chat
from selfchal.builtin_models.endpoint import Endpoint, Patience
from selfchal.core.model import Generation, Message, Sampling
from tests.support.misbehaving import Server, answer, chat_answer

HELLO = answer(chat_answer("hello"))
QUICK = Patience(timeout=5, retries=2, pause=0.01, most=0.3)
TALK = [Message("user", "Say hello.")]


def ask(server: Server, patience: Patience = QUICK, tokens: int = 10, key: str | None = None) -> Generation:
    """One prompt by text; ``key`` names the variable that holds the key."""
    endpoint = Endpoint(server.url, patience=patience, key_env=key)
    try:
        prompts = [chat.write_prompt(TALK)]
        return chat.Chat(endpoint, "max_tokens").generate("m", prompts, Sampling(max_tokens=tokens))[0]
    finally:
        endpoint.close()


def check_sentence(error: Exception) -> None:
    """For a person: one line, not long, with no Python in it."""
    text = str(error)
    assert len(text) < 900
    assert "\n" not in text
    assert "Traceback" not in text
