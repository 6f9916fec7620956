"""The model ``openai``: any OpenAI-compatible endpoint, hosted or on this machine.

With ``tokenizer`` it works by token ids (vLLM and servers like it): its episodes can teach a policy of
the same tokenizer exactly. Without, it works by text, which is enough to explore, to propose, to
play users and to be measured. Its weights are elsewhere, so nothing trains it.
Light: httpx comes in when it is made, transformers only with ``tokenizer``.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from pydantic import BaseModel

from selfchal.builtin_models.openai_config import OpenAIConfig
from selfchal.builtin_models.packages import TRAIN
from selfchal.builtin_models.weight_sources import find_source_obstacle
from selfchal.core.model import Capability, Generation, Message, Prices, Sampling
from selfchal.core.requirement import Requirement
from selfchal.core.turns import TurnStream

log = logging.getLogger(__name__)


class OpenAIModel:
    """A model behind an OpenAI-compatible endpoint: an API, vLLM, llama.cpp, Ollama. It cannot be trained."""

    name: ClassVar[str] = "openai"
    Config: ClassVar[type[BaseModel]] = OpenAIConfig
    requires: ClassVar[tuple[Requirement, ...]] = tuple(
        replace(one, when=lambda config: config.tokenizer is not None) for one in TRAIN
    )

    @classmethod
    def find_obstacle(cls, config: OpenAIConfig) -> str:
        if config.api_key_env is not None and not os.environ.get(config.api_key_env):
            return f"api_key_env: the environment variable {config.api_key_env} is not set; put the key there"
        if config.ledger is not None and not config.ledger.expanduser().absolute().parent.is_dir():
            return (
                f"ledger: there is no directory {str(config.ledger.parent)!r}; make it, or name another file"
            )
        if config.tokenizer is None:
            return ""
        return find_source_obstacle(config.tokenizer, "tokenizer", weights=False)

    @classmethod
    def find_unreachable(cls, config: OpenAIConfig) -> str:
        from selfchal.builtin_models.endpoint import find_unreachable

        path = "/chat/completions" if config.tokenizer is None else "/completions"
        return find_unreachable(config.base_url, path, config.api_key_env)

    @classmethod
    def prices(cls, config: OpenAIConfig) -> Prices | None:
        """None where neither price is said, for an endpoint whose tokens cost nothing needs no budget."""
        prices = Prices(config.price_in, config.price_out)
        return None if prices == Prices() else prices

    @classmethod
    def provides(cls, config: OpenAIConfig) -> frozenset[Capability]:
        exact = {Capability.TOKEN_IDS, Capability.LOGPROBS} if config.tokenizer is not None else set()
        return frozenset({Capability.TEXT} | exact)

    def __init__(self, config: OpenAIConfig) -> None:
        """Raises ModelError for a missing key or tokenizer; the endpoint is first asked when needed."""
        from selfchal.builtin_models.remote import open_remote

        self._config = config
        self._remote = open_remote(config)

    def render_prompt(self, messages: Sequence[Message]) -> list[int]:
        return self._remote.render_prompt(messages)

    def render_turn(self, generation: Generation, message: Message) -> list[int]:
        return self._remote.render_turn(generation, message)

    def encode(self, text: str) -> list[int]:
        return self._remote.encode(text)

    def generate(self, prompts: Sequence[Sequence[int]], sampling: Sampling) -> list[Generation]:
        return self._remote.generate(prompts, sampling)

    def stream(self, sampling: Sampling) -> TurnStream:
        return TurnStream(self.generate, sampling)

    def reset_cache(self) -> None:
        """What an endpoint keeps is its own affair."""

    @property
    def context_length(self) -> int:
        return self._remote.context_length

    def close(self) -> None:
        """Close the connections; say what it cost."""
        ledger = self._remote.endpoint.ledger
        log.info("%s: %s", self._config.base_url, ledger.to_json())
        self._remote.endpoint.close()
