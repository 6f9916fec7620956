"""The model ``seedling``: the embedded default, a tiny weak decoder whose weights come in the package.

Nothing but a ``transformers`` model with a path of its own: no code of it is special.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from selfchal.builtin_models.config import TransformersConfig
from selfchal.builtin_models.packages import TRAIN
from selfchal.builtin_models.transformers_model import TransformersModel, find_staleness_obstacle
from selfchal.core.model import Capability
from selfchal.core.requirement import Requirement

DIRECTORIES = {"calculation": "seedling", "web_browsing": "seedling_web_browsing"}


class SeedlingConfig(BaseModel):
    """The seedling always trains all of its weights, in float32, on the CPU."""

    model_config = ConfigDict(extra="forbid")

    skill: Literal["calculation", "web_browsing"] = Field(
        "calculation", description="The environment that it was pretrained for; each has weights of its own."
    )
    # So small a network gains little from a second thread, and where another program wants that core
    # torch's threads wait for each other: 20 times slower was seen.
    threads: int = Field(1, ge=1, le=4_096, description="CPU threads of torch.")
    batch: int = Field(
        256, ge=1, le=100_000, description="The most conversations that are generated at a time."
    )
    prefix_cache_mb: int = Field(
        128, ge=0, description="Memory for the caches of conversations that may go on, in MiB."
    )


class SeedlingModel(TransformersModel):
    """A toy model of a million weights that comes with selfchal, for the quick start and tests."""

    name: ClassVar[str] = "seedling"
    Config: ClassVar[type[BaseModel]] = SeedlingConfig
    requires: ClassVar[tuple[Requirement, ...]] = TRAIN

    @classmethod
    def find_obstacle(cls, config: BaseModel) -> str:
        return ""  # its weights come in the package

    @classmethod
    def find_staleness_obstacle(cls, config: Any) -> str:
        return find_staleness_obstacle(on_gpu=False)

    @classmethod
    def plan_memory(cls, config: Any) -> None:
        return None  # it lives on the CPU

    @classmethod
    def provides(cls, config: BaseModel) -> frozenset[Capability]:
        return frozenset(Capability)

    @classmethod
    def knows(cls, config: SeedlingConfig) -> frozenset[str]:
        """The environment that it was pretrained for. In any other it solves nothing, for it cannot read."""
        return frozenset([config.skill])

    def __init__(self, config: SeedlingConfig) -> None:
        """Load. Raises ModelError."""
        path = str(files("selfchal.builtin_models") / DIRECTORIES[config.skill])
        rest = config.model_dump(exclude={"skill"})
        super().__init__(TransformersConfig(path=path, device="cpu", dtype="float32", **rest))
