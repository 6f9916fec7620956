"""Which model plays the simulated users of a run, and which one rates its episodes.

Where the manifest names none it is the policy as the run began. Were it the policy under training, the
scores before and after would have been measured with different users.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from selfchal.core.errors import ModelError
from selfchal.core.model import Model, Sampling, SharesStart
from selfchal.core.world import Json
from selfchal.hosting import Reserve, reserve_nothing
from selfchal.pipeline.manifest import Choice, Manifest
from selfchal.pipeline.manifest.asking import asks_judge, asks_user, is_trained
from selfchal.pipeline.manifest.conflicts import NO_SECOND
from selfchal.pipeline.requirements import find_frozen_config
from selfchal.rollout.chats import ModelChat

# What endpoints sample users with where nothing is said, as tau-bench's are. A rating is not sampled.
USER_TEMPERATURE = 1.0
RATING_TEMPERATURE = 0.0


@dataclass(frozen=True)
class Roles:
    """``measured_user`` plays the users of an evaluation, ``user`` all others."""

    user: ModelChat
    measured_user: ModelChat
    judge: ModelChat


def open_roles(
    manifest: Manifest, model: Model, closing: ExitStack, reserve: Reserve = reserve_nothing
) -> Roles:
    """Load the models that the manifest names. The policy's starting weights are loaded a second time when
    something is asked of them, and only where training changes them in memory."""
    start = _find_start(manifest, model, closing, reserve)
    tokens = manifest.settings.rollout.max_tokens

    def open_chat(choice: Choice | None, temperature: float) -> ModelChat:
        if choice is None:
            return ModelChat(start, Sampling(temperature, max_tokens=tokens))
        return chat_of(open_model(choice, closing, reserve), tokens, temperature)

    user = open_chat(manifest.user, USER_TEMPERATURE)
    measured = manifest.evaluation_user
    return Roles(
        user,
        open_chat(measured, USER_TEMPERATURE) if measured else user,
        open_chat(manifest.judge, RATING_TEMPERATURE),
    )


def chat_of(model: Model, max_tokens: int, temperature: float) -> ModelChat:
    return ModelChat(lambda: model, Sampling(temperature, max_tokens=max_tokens))


def open_model(choice: Choice, closing: ExitStack, reserve: Reserve = reserve_nothing) -> Model:
    """``reserve``: where the engine has room for the servers of a model."""
    model: Model = choice.make_hosted(reserve)
    closing.callback(model.close)
    return model


def _find_start(
    manifest: Manifest, model: Model, closing: ExitStack, reserve: Reserve
) -> Callable[[], Model]:
    """How the model with the weights that the run began with is had."""
    if not is_trained(manifest):
        return lambda: model
    if isinstance(model, SharesStart) and (shared := model.starting_model()):
        return lambda: shared
    return _Copy(manifest.model, closing, reserve).load


@dataclass
class _Copy:
    """A second model of the same section, made when it is first needed."""

    choice: Choice
    closing: ExitStack
    reserve: Reserve
    made: Model | None = None

    def __post_init__(self) -> None:
        self._lock = threading.Lock()

    def load(self) -> Model:
        with self._lock:
            if self.made is None:
                config = find_frozen_config(self.choice.plugin, self.choice.config)
                if config is None:
                    raise ModelError(f"model {self.choice.name!r} with these options {NO_SECOND}")
                copied = Choice(self.choice.name, self.choice.plugin, config)
                self.made = open_model(copied, self.closing, self.reserve)
            return self.made


def describe_roles(manifest: Manifest) -> dict[str, Json]:
    """Who plays users, who plays them in evaluations where that is another one, and who rates: of those that
    this run needs, as far as its plugins say."""
    start = f"{_describe_choice(manifest.model)}, the weights that the run begins with"

    def describe(choice: Choice | None) -> str:
        return _describe_choice(choice) if choice else start

    rows: dict[str, Json] = {}
    if asks_user(manifest) or manifest.user or manifest.evaluation_user:
        rows["user"] = describe(manifest.user)
        if manifest.evaluation_user:
            rows["evaluation_user"] = describe(manifest.evaluation_user)
    if asks_judge(manifest) or manifest.judge:
        rows["judge"] = describe(manifest.judge)
    return rows


def list_role_lines(described: Mapping[str, Json]) -> list[str]:
    """What ``describe_roles`` gives, in sentences."""
    said = {
        "user": "simulated users are played by",
        "evaluation_user": "in evaluations they are played by",
        "judge": "what has no evaluate is rated by",
    }
    return [f"{said[role]} {model}" for role, model in described.items()]


def _describe_choice(choice: Choice) -> str:
    """The plugin, and which model of its kind by the option that says so."""
    options = choice.config.model_dump(mode="json")
    named = [str(options[key]) for key in ("path", "model", "skill") if options.get(key)]
    return " ".join([choice.name, *named])
