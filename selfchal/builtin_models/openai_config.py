"""Options of the model ``openai``: where the endpoint is, how it is spoken to, and what it costs.

Light: imports pydantic alone, so that a manifest is checked before anything else is loaded.
"""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from selfchal.builtin_models.addresses import check_address, check_variable_name
from selfchal.builtin_models.template_options import check_template_arguments

# What requests are made of, and what would change the form of the answer.
OWN_FIELDS = frozenset({
    "model", "messages", "prompt", "max_tokens", "max_completion_tokens", "temperature", "top_p", "seed",
    "stop", "stop_token_ids", "include_stop_str_in_output", "skip_special_tokens", "return_token_ids",
    "logprobs", "n", "best_of", "echo", "stream", "stream_options",
})  # fmt: skip


class OpenAIConfig(BaseModel):
    """Where the endpoint is, how it is spoken to, and what it costs."""

    # What is wrong may be a key in a wrong field: no message repeats it.
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    base_url: str = Field(description="The endpoint up to its version, as http://127.0.0.1:8000/v1.")
    model: str = Field(description="The name the endpoint knows the model by.")
    api_key_env: str | None = Field(
        None, description="Name of the environment variable that holds the key; never the key itself."
    )
    tokenizer: str | None = Field(
        None,
        description="Directory or hub name of the model's tokenizer: speak in token ids, and ask for ids "
        "and log-probabilities. Without it the endpoint is asked for text alone.",
    )
    chat_template: str | None = Field(
        None,
        description="With tokenizer: a Jinja template instead of its own, or the path of a file that holds "
        "one; empty for plain text.",
    )
    chat_template_kwargs: dict[str, Any] = Field(
        default_factory=dict,
        description="With tokenizer: variables of the chat template, such as enable_thinking: false.",
    )
    template_date: date | None = Field(
        None, description="With tokenizer: the date, as 2026-11-28, for a template that writes today's date."
    )
    context: int = Field(32_768, ge=8, description="The most tokens of a conversation.")
    concurrency: int = Field(16, ge=1, le=10_000, description="The most requests under way at a time.")
    retries: int = Field(
        5, ge=0, le=1_000, description="How often a request is tried again, with growing pauses."
    )
    timeout: float = Field(
        300.0, gt=0, le=86_400, description="Seconds that one try may take from its start to its last byte."
    )
    tokens_name: str = Field(
        "max_tokens", description="What the endpoint calls its limit; max_completion_tokens on newer ones."
    )
    omit: tuple[Literal["temperature", "top_p", "seed", "stop"], ...] = Field(
        (), description="Sampling fields that the endpoint refuses and that are left out of requests."
    )
    extra_body: dict[str, Any] = Field(
        default_factory=dict,
        description="Fields added to each request for text, such as reasoning_effort: low, enable_thinking: "
        "false, or chat_template_kwargs.",
    )
    price_in: float = Field(
        0.0, ge=0, description="Price of a million prompt tokens, for budgets and the ledger."
    )
    price_out: float = Field(
        0.0, ge=0, description="Price of a million sampled tokens, for budgets and the ledger."
    )
    ledger: Path | None = Field(
        None, description="File that keeps the sums of requests, tokens and cost across runs."
    )

    @field_validator("base_url")
    @classmethod
    def _check_base_url(cls, base_url: str) -> str:
        return check_address(base_url)

    @field_validator("api_key_env")
    @classmethod
    def _check_key_name(cls, name: str | None) -> str | None:
        return None if name is None else check_variable_name(name)

    @model_validator(mode="after")
    def _check_fields(self) -> OpenAIConfig:
        own = sorted(self.extra_body.keys() & (OWN_FIELDS | {self.tokens_name}))
        if own:
            raise ValueError(
                f"extra_body cannot set {', '.join(own)}: the program decides it for each request"
            )
        try:
            json.dumps(self.extra_body, allow_nan=False)
        except (TypeError, ValueError):
            raise ValueError("extra_body must be JSON: text, numbers, true, false, lists, mappings") from None
        check_template_arguments(self.chat_template_kwargs)
        if self.tokenizer is None and self.chat_template_kwargs:
            raise ValueError(
                "chat_template_kwargs needs tokenizer; without it put it below extra_body, for the "
                "endpoint's own template"
            )
        if self.tokenizer is None and (self.chat_template is not None or self.template_date is not None):
            raise ValueError(
                "chat_template and template_date need tokenizer; the endpoint uses its own template"
            )
        return self
