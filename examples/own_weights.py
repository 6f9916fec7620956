"""A model of one's own: a network that is loaded here, with selfchal's rendering and continuous batching."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from selfchal import Capability, Generation, Message, Requirement, Sampling, Stream, hookimpl
from selfchal.memory import ModelPlan, read_shape

if TYPE_CHECKING:
    from selfchal.decoding import TurnSampler


class OwnWeightsOptions(BaseModel):
    model_config = ConfigDict(extra="forbid")
    path: Path = Field(description="A directory with a network and its tokenizer.")
    context: int = Field(4096, ge=1, description="The most tokens of a conversation.")
    batch: int = Field(64, ge=1, description="The most conversations that are continued at a time.")


class OwnWeights:
    """Loads a causal network its own way, and leaves sampling to selfchal.decoding."""

    name: ClassVar[str] = "own_weights"
    Config: ClassVar[type[BaseModel]] = OwnWeightsOptions
    requires: ClassVar[tuple[Requirement, ...]] = (Requirement("transformers", "selfchal[train]"),)

    @classmethod
    def provides(cls, config: OwnWeightsOptions) -> frozenset[Capability]:
        return frozenset(Capability)

    @classmethod
    def find_obstacle(cls, config: OwnWeightsOptions) -> str:
        here = (config.path / "config.json").is_file()
        return (
            "" if here else f"{config.path} has no config.json; set model.path to a directory with a network"
        )

    @classmethod
    def plan_memory(cls, config: OwnWeightsOptions) -> ModelPlan | None:
        """So that `selfchal run --dry-run` can say whether it fits a GPU. None: it is not known."""
        import json

        file = config.path / "config.json"
        shape = read_shape(json.loads(file.read_text())) if file.is_file() else None
        return (
            None
            if shape is None
            else ModelPlan(shape, weight_bytes=4, context=config.context, sampler="shared")
        )

    def __init__(self, config: OwnWeightsOptions) -> None:
        from transformers import AutoModelForCausalLM, AutoTokenizer

        from selfchal.decoding import Renderer, TurnSampler, make_decoder

        # Put your own way of making both in these two lines.
        self._tokenizer = AutoTokenizer.from_pretrained(config.path, trust_remote_code=False)
        self.network = AutoModelForCausalLM.from_pretrained(
            config.path, dtype="float32", trust_remote_code=False
        ).eval()
        self.context_length = config.context
        renderer = Renderer(self._tokenizer, ends=frozenset([self._tokenizer.eos_token_id]))
        decoder = make_decoder(self.network, context=config.context, rows=config.batch)
        self._turns: TurnSampler = TurnSampler(renderer, decoder, config.context)

    def render_prompt(self, messages: Sequence[Message]) -> list[int]:
        return self._turns.renderer.prompt(messages)

    def render_turn(self, generation: Generation, message: Message) -> list[int]:
        return self._turns.renderer.turn(generation, message)

    def encode(self, text: str) -> list[int]:
        return self._turns.renderer.encode(text)

    def generate(self, prompts: Sequence[Sequence[int]], sampling: Sampling) -> list[Generation]:
        return self._turns.generate(prompts, sampling)

    def stream(self, sampling: Sampling) -> Stream:
        return self._turns.stream(sampling)

    def reset_cache(self) -> None:
        self._turns.reset_cache()

    def on_weights_updated(self) -> None:
        self._turns.reset_cache()

    def save(self, directory: Path) -> None:
        self.network.save_pretrained(directory)
        self._tokenizer.save_pretrained(directory)

    def load(self, directory: Path) -> None:
        """The tensors stay the same objects, for an optimiser may hold them."""
        saved = type(self.network).from_pretrained(directory, dtype="float32", trust_remote_code=False)
        self.network.load_state_dict(saved.state_dict())
        self._turns.reset_cache()

    def close(self) -> None:
        self._turns.reset_cache()


@hookimpl
def register_models() -> list[type[Any]]:
    return [OwnWeights]
