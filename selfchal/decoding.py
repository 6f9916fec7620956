"""What a model of somebody else's is written with, whose network runs in this process.

Conversations to token ids by a chat template, and many of them continued at once (docs/plugins/model.md). The
modules that these names come from may change. A name is looked up when it is first used, so that importing
this module loads no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from selfchal.lazy_names import look_up_names

if TYPE_CHECKING:
    from selfchal.builtin_models.generation.decoder import ContinuousBatch, Decoder
    from selfchal.builtin_models.generation.rows import Row, RowMaker
    from selfchal.builtin_models.generation.stops import StopStrings
    from selfchal.builtin_models.rendering import Renderer
    from selfchal.builtin_models.turn_sampler import TurnSampler, make_decoder

__all__ = [
    "ContinuousBatch",
    "Decoder",
    "Renderer",
    "Row",
    "RowMaker",
    "StopStrings",
    "TurnSampler",
    "make_decoder",
]

_NAMES_BY_MODULE = {
    "selfchal.builtin_models.generation.decoder": ("ContinuousBatch", "Decoder"),
    "selfchal.builtin_models.generation.rows": ("Row", "RowMaker"),
    "selfchal.builtin_models.generation.stops": ("StopStrings",),
    "selfchal.builtin_models.rendering": ("Renderer",),
    "selfchal.builtin_models.turn_sampler": ("TurnSampler", "make_decoder"),
}
_MODULES = {name: module for module, names in _NAMES_BY_MODULE.items() for name in names}

if not TYPE_CHECKING:  # a type checker that saw this function would believe in any name
    __getattr__ = look_up_names(__name__, _MODULES)
