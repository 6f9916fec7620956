"""Registers the built-in models. Light: torch comes in when one of them is made."""

from __future__ import annotations

from collections.abc import Iterable

from selfchal.builtin_models.openai_model import OpenAIModel
from selfchal.builtin_models.seedling_model import SeedlingModel
from selfchal.builtin_models.transformers_model import TransformersModel
from selfchal.builtin_models.vllm_model import VllmModel
from selfchal.core.hookspecs import hookimpl
from selfchal.core.model import Model


@hookimpl
def register_models() -> Iterable[type[Model]]:
    return [OpenAIModel, SeedlingModel, TransformersModel, VllmModel]
