"""Generation by text over ``/v1/chat/completions``, for endpoints that show no token ids.

The model contract speaks in ids, so a conversation is written in bytes: a mark for whose turn it is,
then the turn's UTF-8. That is lossless, needs no tokenizer, and is nothing to train on, which is why
such a model provides text only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from selfchal.builtin_models.answers import limit_bytes, read_choice, read_text
from selfchal.builtin_models.endpoint import Endpoint
from selfchal.core.errors import PromptRefusedError
from selfchal.core.model import Generation, Message, Sampling
from selfchal.core.text import replace_surrogates

Json = Any
END = 256
ROLES = {"system": 257, "user": 258, "assistant": 259}
BYTES_A_TOKEN = 4  # about; a server that disagrees refuses, and says so


def write_prompt(messages: Sequence[Message]) -> list[int]:
    """The bytes of a conversation, ending where the assistant is to speak."""
    ids = [unit for message in messages for unit in _encode_turn(message)]
    return [*ids, ROLES["assistant"]]


def write_turn(message: Message) -> list[int]:
    return [*_encode_turn(message), ROLES["assistant"]]


def read(ids: Sequence[int]) -> list[Message]:
    """The messages again; a last one that the assistant has only begun is kept, an empty one is not."""
    names = {mark: role for role, mark in ROLES.items()}
    turns: list[tuple[str, bytearray]] = []
    for unit in ids:
        if unit in names:
            turns.append((names[unit], bytearray()))
        elif unit != END:
            turns[-1][1].append(unit)
    messages = [Message(role, text.decode("utf-8", "replace")) for role, text in turns]
    return messages if messages[-1].content else messages[:-1]


def _encode_turn(message: Message) -> list[int]:
    return [ROLES[message.role], *message.content.encode()]


@dataclass(frozen=True)
class Chat:
    endpoint: Endpoint
    tokens_name: str  # max_tokens, or what newer endpoints call it

    def generate(self, model: str, prompts: Sequence[Sequence[int]], sampling: Sampling) -> list[Generation]:
        """One request a prompt, seeded by its index among the prompts."""
        bodies = [
            self._build_body(model, prompt, sampling, (sampling.seed + index) % 2**31)
            for index, prompt in enumerate(prompts)
        ]
        return self.endpoint.map(partial(self._ask, sampling=sampling), bodies)

    def _build_body(
        self, model: str, prompt: Sequence[int], sampling: Sampling, seed: int
    ) -> dict[str, Json]:
        rows = [{"role": message.role, "content": message.content} for message in read(prompt)]
        body: dict[str, Json] = {
            "model": model,
            "messages": rows,
            self.tokens_name: sampling.max_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "seed": seed,
        }
        # OpenAI takes four at most; what is past them only saves tokens.
        return body | ({"stop": list(sampling.stop[:4])} if sampling.stop else {})

    def _ask(self, body: dict[str, Json], sampling: Sampling) -> Generation:
        read_generation = partial(self._read, stops=sampling.stop)
        try:
            return self.endpoint.ask(
                "/chat/completions", body, read_generation, limit_bytes(sampling.max_tokens)
            )
        except PromptRefusedError as error:
            return Generation((), (), "", finished=False, refused=str(error))

    def _read(self, answer: Json, stops: Sequence[str]) -> Generation:
        choice = read_choice(answer)
        text = read_text(choice)
        self.endpoint.ledger.count(answer.get("usage"))
        # Stop strings are cut off by this protocol. vLLM says which it was; elsewhere it stays away.
        if choice.get("stop_reason") in stops:
            text += choice["stop_reason"]
        text = replace_surrogates(text)
        ids = (*text.encode(), END)
        return Generation(ids, (0.0,) * len(ids), text, choice.get("finish_reason") == "stop")
