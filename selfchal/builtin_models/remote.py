"""The two ways of speaking to an endpoint, by token ids or by text, behind one interface. Imports httpx."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from selfchal.builtin_models import chat
from selfchal.builtin_models.endpoint import Endpoint, Patience
from selfchal.builtin_models.ledger import Ledger
from selfchal.builtin_models.openai_config import OpenAIConfig
from selfchal.core.model import Generation, Message, Sampling

if TYPE_CHECKING:
    from selfchal.builtin_models.completions import Completions


class Remote(Protocol):
    """What differs between ids and text."""

    @property
    def endpoint(self) -> Endpoint: ...

    @property
    def context_length(self) -> int: ...

    def render_prompt(self, messages: Sequence[Message]) -> list[int]: ...

    def render_turn(self, generation: Generation, message: Message) -> list[int]: ...

    def encode(self, text: str) -> list[int]: ...

    def generate(self, prompts: Sequence[Sequence[int]], sampling: Sampling) -> list[Generation]: ...


def open_remote(config: OpenAIConfig) -> Remote:
    """Raises ModelError for a missing key or tokenizer, and for proxies that cannot be used."""
    if config.tokenizer is None:
        endpoint = _open_endpoint(config)
        return ByText(endpoint, config.model, config.context, chat.Chat(endpoint, config.tokens_name))
    from selfchal.builtin_models import loading
    from selfchal.builtin_models.completions import Completions
    from selfchal.builtin_models.rendering import make_renderer

    tokenizer = loading.load_tokenizer(loading.expand_home(config.tokenizer))
    ends = frozenset() if tokenizer.eos_token_id is None else frozenset({int(tokenizer.eos_token_id)})
    renderer = make_renderer(tokenizer, ends, config)
    endpoint = _open_endpoint(config)
    return ByIds(endpoint, config.model, Completions(endpoint, renderer, config.context))


def _open_endpoint(config: OpenAIConfig) -> Endpoint:
    return Endpoint(
        config.base_url,
        key_env=config.api_key_env,
        patience=Patience(timeout=config.timeout, retries=config.retries),
        concurrency=config.concurrency,
        ledger=Ledger(config.price_in, config.price_out, config.ledger),
        omit=config.omit,
        extra_body=config.extra_body,
    )


@dataclass(frozen=True)
class ByText:
    endpoint: Endpoint
    model: str
    context: int
    chat: chat.Chat

    @property
    def context_length(self) -> int:
        """In this model's ids, which are bytes."""
        return self.context * chat.BYTES_A_TOKEN

    def render_prompt(self, messages: Sequence[Message]) -> list[int]:
        return chat.write_prompt(messages)

    def render_turn(self, generation: Generation, message: Message) -> list[int]:
        return chat.write_turn(message)

    def encode(self, text: str) -> list[int]:
        return list(text.encode())

    def generate(self, prompts: Sequence[Sequence[int]], sampling: Sampling) -> list[Generation]:
        return self.chat.generate(self.model, prompts, sampling)


@dataclass(frozen=True)
class ByIds:
    endpoint: Endpoint
    model: str
    completions: Completions

    @property
    def context_length(self) -> int:
        return self.completions.context

    def render_prompt(self, messages: Sequence[Message]) -> list[int]:
        return self.completions.renderer.prompt(messages)

    def render_turn(self, generation: Generation, message: Message) -> list[int]:
        return self.completions.renderer.turn(generation, message)

    def encode(self, text: str) -> list[int]:
        return self.completions.renderer.encode(text)

    def generate(self, prompts: Sequence[Sequence[int]], sampling: Sampling) -> list[Generation]:
        return self.completions.generate(self.model, prompts, sampling)
