"""What every trainer must keep, tried on a game of one token (``game.py``). Needs torch and transformers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from selfchal.core.episode import Episode
from selfchal.core.errors import TrainingError
from selfchal.core.model import Capability
from selfchal.core.trainer import Trainer
from selfchal.core.world import Json
from selfchal.pipeline.trainer_state import find_unloadable
from selfchal.testing.conformance.case import Case, CaseLevel, demand, make, registrable
from selfchal.testing.gradient_watch import watch_gradient

if TYPE_CHECKING:
    from selfchal.testing.conformance.game import MemoryProgress, TinyModel


def trainer_cases(cls: type[Any], options: Mapping[str, Json] | None = None) -> list[Case]:
    """The cases for a trainer class with these options.

    The options must let it learn from a tiny network within seconds, and save a checkpoint before the last
    update: ``{"steps": 6, "checkpoint_every": 2, "learning_rate": 0.02}`` where it has the shared options.
    """
    kit, static = _Kit(cls, options or {}), CaseLevel.STATIC
    return [
        registrable("trainer", cls),
        Case("says what it needs and how many episodes it compares", kit.says_what_it_needs, static),
        Case("trains in place, and tells the model and the progress", kit.trains_in_place),
        Case("saves what can be read back", kit.saves_what_can_be_read),
        Case("trains alike with the same seed", kit.trains_alike),
        Case("stopped and resumed it ends in the same weights", kit.resumes, CaseLevel.SEMANTIC),
        Case("moves the agent's tokens alone", kit.moves_own_tokens, CaseLevel.SEMANTIC),
        Case("takes each group once in one pass", kit.takes_each_group_once),
        Case("rolls out no more than it says", kit.rolls_out_what_it_says),
        Case("ends where nothing could be judged", kit.ends_without_rewards),
    ]


class _Kit:
    def __init__(self, cls: type[Any], options: Mapping[str, Json]) -> None:
        self.cls, self.options = cls, options

    def trainer(self) -> Trainer:
        made: Trainer = make(self.cls, self.options)
        return made

    @cached_property
    def undisturbed(self) -> MemoryProgress:
        """One training from start to end, which several cases look at."""
        return self._train()

    def says_what_it_needs(self) -> None:
        trainer = self.trainer()
        demand(
            set(trainer.needs) <= set(Capability),
            f"needs is {trainer.needs!r}; it is a set of selfchal.core.model.Capability",
        )
        demand(trainer.group_size() >= 1, f"group_size() is {trainer.group_size()}; 1 is the least")

    def trains_in_place(self) -> None:
        model, logged = self.undisturbed.model, self.undisturbed.logged
        demand(_copy_weights(model) != _copy_weights(_new_model()), "training changed no weight")
        demand(model.announced, "on_weights_updated() was never called")
        steps = [step for step, _ in logged]
        demand(logged, "progress.log was never called")
        demand(steps == list(range(1, len(steps) + 1)), f"the updates were logged as {steps}, not as 1, 2, …")
        odd = [f"{name} of update {step}" for step, metrics in logged for name, value in metrics.items()
               if not math.isfinite(value)]  # fmt: skip
        demand(not odd, f"not finite: {', '.join(odd)}")

    def saves_what_can_be_read(self) -> None:
        demand(self.undisturbed.kept, "it saved no checkpoint; give options with which it does")
        for step, state, _ in self.undisturbed.kept:
            wrong = find_unloadable(state)
            demand(not wrong, f"the checkpoint of update {step} cannot be read back: {wrong}")

    def trains_alike(self) -> None:
        again = self._train()
        demand(
            _copy_weights(again.model) == _copy_weights(self.undisturbed.model),
            "the same seed gave other weights",
        )

    def resumes(self) -> None:
        kept, steps = [step for step, _, _ in self.undisturbed.kept], len(self.undisturbed.logged)
        later = [step for step in range(1, steps) if kept and step > kept[0]]
        demand(later, f"of {steps} updates none comes between two checkpoints ({kept}); give other options")
        stopped = self._train(stop_after=later[0])
        demand(stopped.kept, "nothing was saved before the stop")
        resumed = self._train(kept=stopped.kept)
        demand(
            resumed.logged[0][0] == stopped.kept[-1][0] + 1,
            f"it went on with update {resumed.logged[0][0]} after the checkpoint of {stopped.kept[-1][0]}",
        )
        demand(
            _copy_weights(resumed.model) == _copy_weights(self.undisturbed.model),
            "a stop led to other weights",
        )

    def moves_own_tokens(self) -> None:
        from selfchal.testing.conformance.game import MemoryProgress, training

        model, played = _new_model(), list[Episode]()
        with watch_gradient(model.network, played) as watch:
            self.trainer().train(training(model, MemoryProgress(model), played))
        demand(not watch.leaks, f"tokens that the agent did not write carry gradient: {watch.leaks[:3]}")
        demand(watch.own, "no token of the agent's carries gradient")

    def takes_each_group_once(self) -> None:
        from selfchal.testing.conformance.game import TASKS, MemoryProgress, training

        model, played = _new_model(), list[Episode]()
        trainer = self.trainer()
        trainer.one_pass(TASKS).train(training(model, MemoryProgress(model), played))
        groups = len(played) / trainer.group_size()
        demand(groups <= TASKS, f"one pass over {TASKS} groups asked for {groups:g}")

    def rolls_out_what_it_says(self) -> None:
        from selfchal.testing.conformance.game import TASKS, MemoryProgress, training

        model, played = _new_model(), list[Episode]()
        self.trainer().train(training(model, MemoryProgress(model), played))
        said = self.trainer().count_episodes(TASKS)
        demand(len(played) <= said, f"count_episodes({TASKS}) is {said}, and it rolled out {len(played)}")

    def ends_without_rewards(self) -> None:
        from selfchal.testing.conformance.game import MemoryProgress, training

        model = _new_model()
        given = training(model, MemoryProgress(model), judged=False)
        try:
            self.trainer().train(given)
        except TrainingError as error:
            demand(str(error), "a TrainingError says why training cannot go on")
        demand(
            _copy_weights(model) == _copy_weights(_new_model()),
            "it learnt from episodes that could not be judged",
        )

    def _train(self, kept: list[Any] | None = None, stop_after: int | None = None) -> MemoryProgress:
        from selfchal.testing.conformance.game import MemoryProgress, training

        model = _new_model()
        progress = MemoryProgress(model, kept=list(kept or ()), stop_after=stop_after)
        try:
            self.trainer().train(training(model, progress))
        except KeyboardInterrupt:
            demand(stop_after is not None, "it was interrupted")
        return progress


def _new_model() -> TinyModel:
    from selfchal.testing.conformance.game import TinyModel

    return TinyModel()


def _copy_weights(model: TinyModel) -> dict[str, bytes]:
    """To the last bit."""
    return {name: weight.numpy().tobytes() for name, weight in model.network.state_dict().items()}
