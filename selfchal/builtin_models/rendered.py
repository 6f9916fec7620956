"""What the renderer of a model does: the same for all models that have a chat template of their own.

Light: what it stands on has come in with the model itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from selfchal.core.model import Generation, Message

if TYPE_CHECKING:
    from selfchal.builtin_models.rendering import Renderer


class Loaded(Protocol):
    @property
    def renderer(self) -> Renderer: ...

    @property
    def context(self) -> int:
        """The most tokens of a conversation."""


L = TypeVar("L", bound=Loaded)


class RendersLoaded(Generic[L]):
    """A model sets ``_loaded`` in its ``__init__``."""

    _loaded: L

    def render_prompt(self, messages: Sequence[Message]) -> list[int]:
        return self._loaded.renderer.prompt(messages)

    def render_turn(self, generation: Generation, message: Message) -> list[int]:
        return self._loaded.renderer.turn(generation, message)

    def encode(self, text: str) -> list[int]:
        return self._loaded.renderer.encode(text)

    @property
    def context_length(self) -> int:
        return self._loaded.context
