"""Checks the variables that a manifest gives to a chat template. Light: imports nothing."""

from __future__ import annotations

from typing import Any

# What is decided for each rendering, or what every template is given.
OWN_ARGUMENTS = frozenset({
    "messages", "conversation", "chat_template", "tools", "documents", "add_generation_prompt", "tokenize",
    "continue_final_message", "padding", "truncation", "max_length", "return_tensors", "return_dict",
    "return_assistant_tokens_mask", "tokenizer_kwargs",
})  # fmt: skip


def check_template_arguments(arguments: dict[str, Any]) -> dict[str, Any]:
    """Raises ValueError for a name that is not free."""
    own = sorted(arguments.keys() & OWN_ARGUMENTS)
    if own:
        raise ValueError(f"chat_template_kwargs cannot set {', '.join(own)}: the program decides it")
    return arguments
