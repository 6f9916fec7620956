"""Every training loop says when it updates: the optimiser steps inside, and everything is sampled outside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook

from selfchal.builtin_trainers.plugin import Dpo, Grpo, Kto, Ppo, Rft, TrlGrpo
from selfchal.core.episode import Group
from selfchal.core.task import Task
from tests.builtin_trainers import toy

pytestmark = pytest.mark.torch


class RoomModel(toy.ToyModel):
    """A model that gives memory up while it is updated; ``said`` is what happened, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.updating = False
        self.said: list[str] = []

    def begin_update(self) -> None:
        assert not self.updating, "an update began within another one"
        self.updating = True
        self.said.append("begin")

    def end_update(self) -> None:
        assert self.updating, "an update ended that had not begun"
        self.updating = False
        self.said.append("end")


@contextmanager
def watching_steps(model: RoomModel) -> Iterator[None]:
    """Adds a ``step`` to what the model said at each step of any optimiser of torch."""

    def note(optimizer: Any, arguments: Any, options: Any) -> None:
        model.said.append("step" if model.updating else "step outside")

    hook = register_optimizer_step_pre_hook(note)
    try:
        yield
    finally:
        hook.remove()


TRAINERS: list[tuple[Any, dict[str, Any]]] = [
    (Grpo, {"epochs": 2, "group_size": 8}),
    (Ppo, {"group_size": 8}),
    (Rft, {"batch_size": 4, "group_size": 32}),
    (Dpo, {"batch_size": 4, "group_size": 32}),
    (Kto, {"batch_size": 4, "group_size": 32}),
    (TrlGrpo, {"group_size": 8}),
]


@pytest.mark.parametrize(("trainer", "options"), TRAINERS, ids=lambda value: getattr(value, "name", ""))
def test_every_loop_says_when_it_updates(trainer: Any, options: dict[str, Any]) -> None:
    model = RoomModel()
    given = toy.training(model, toy.ToyProgress(model), validation=2)

    def collect(tasks: Sequence[Task], samples: int, *, seed: int) -> list[Group]:
        model.said.append("sample inside" if model.updating else "sample")
        return given.collect(tasks, samples, seed=seed)

    config = trainer.Config(steps=4, learning_rate=1e-2, checkpoint_every=2, **options)
    with watching_steps(model):
        trainer(config).train(replace(given, collect=collect))
    assert {"step outside", "sample inside"}.isdisjoint(model.said)
    assert model.said.count("step") >= 4
    assert model.said.count("sample") >= 4, "rollouts, and the validations of the start and two checkpoints"
    assert not model.updating


def test_an_update_that_fails_has_ended() -> None:
    model = RoomModel()
    given = toy.training(model, toy.ToyProgress(model))
    trainer = Grpo(Grpo.Config(steps=2, group_size=8, learning_rate=1e-2))
    with torch.no_grad():
        next(model.network.parameters()).fill_(float("nan"))
    stored = toy.play(toy.tiny_llama(), toy.tasks(8), 8, seed=1)
    with pytest.raises(Exception, match="not finite"):
        trainer.train(replace(given, collect=lambda tasks, samples, *, seed: stored))
    assert model.said == ["begin", "end"]
