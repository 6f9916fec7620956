"""Generation over ``/v1/completions`` as vLLM serves it: token ids in, ids and log-probabilities out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from selfchal.builtin_models.answers import limit_bytes, read_choice, read_tokens
from selfchal.builtin_models.endpoint import Endpoint
from selfchal.builtin_models.generation.sampling import stream
from selfchal.builtin_models.rendering import Renderer
from selfchal.core.errors import ModelError, PromptRefusedError
from selfchal.core.model import Generation, Sampling

Json = Any


def choose_seeds(prompts: Sequence[Sequence[int]], seed: int) -> list[int]:
    """A seed of 31 bits a prompt: another one for each time that the same prompt comes."""
    seen: Counter[tuple[int, ...]] = Counter()
    seeds = []
    for prompt in map(tuple, prompts):
        seeds.append(stream(seed, prompt, seen[prompt]) >> 33)
        seen[prompt] += 1
    return seeds


@dataclass(frozen=True)
class Completions:
    """``context`` is the most ids of a conversation."""

    endpoint: Endpoint
    renderer: Renderer
    context: int

    def generate(self, model: str, prompts: Sequence[Sequence[int]], sampling: Sampling) -> list[Generation]:
        """One request a prompt, so that the samples of a group have seeds of their own."""
        asked = zip(prompts, choose_seeds(prompts, sampling.seed), strict=True)
        return self.endpoint.map(lambda one: self.ask(model, one[0], sampling, one[1]), list(asked))

    def ask(self, model: str, prompt: Sequence[int], sampling: Sampling, seed: int) -> Generation:
        """One turn. ``seed`` has 31 bits, which every server takes; that of ``sampling`` has no say."""
        return self._ask(self._build_body(model, prompt, sampling, seed))

    def _build_body(
        self, model: str, prompt: Sequence[int], sampling: Sampling, seed: int
    ) -> dict[str, Json]:
        return {
            "model": model,
            "prompt": list(prompt),
            "max_tokens": min(sampling.max_tokens, self.context - len(prompt)),
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "seed": seed,
            "stop": [*sampling.stop, *self.renderer.stops],
            "stop_token_ids": sorted(self.renderer.ends),
            "include_stop_str_in_output": True,
            "skip_special_tokens": False,
            "return_token_ids": True,
            "logprobs": 0,
        }

    def _ask(self, body: dict[str, Json]) -> Generation:
        if body["max_tokens"] <= 0:
            return Generation((), (), "", finished=False)
        limit = limit_bytes(body["max_tokens"], len(body["prompt"]))
        try:
            return self.endpoint.ask("/completions", body, self._read, limit)
        except PromptRefusedError as error:
            return Generation((), (), "", finished=False, refused=str(error))

    def _read(self, answer: Json) -> Generation:
        choice = read_choice(answer)
        sampled = read_tokens(choice, self.renderer.vocabulary)
        if sampled is None:
            raise ModelError(
                f"{self.endpoint.base_url} gives no token ids with their log-probabilities (it ignores "
                "return_token_ids or logprobs), so nothing can be trained on what it samples. Use a vLLM "
                "server, or remove model.tokenizer to take its text alone."
            )
        self.endpoint.ledger.count(answer.get("usage"))
        ids, logprobs = sampled
        return Generation(ids, logprobs, self.renderer.text(ids), choice.get("finish_reason") == "stop")
