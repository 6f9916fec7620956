"""What every trainer must keep, tried on a game of one token (``game.py``). Needs torch and transformers."""

from __future__ import annotations

import copy
import hashlib
import math
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from selfchal.core.episode import Episode
from selfchal.core.errors import TrainingError
from selfchal.core.model import Capability
from selfchal.core.trainer import Trainer
from selfchal.core.world import Json
from selfchal.pipeline.trainer_state import find_unloadable
from selfchal.testing.conformance.case import Case, CaseLevel, declared, demand, demand_type, make
from selfchal.testing.conformance.twins import demand_alike, is_registered
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
        *declared("trainer", cls, options or {}),
        Case("says what it needs and how many episodes it compares", kit.says_what_it_needs, static,
             "``needs`` is a frozenset of Capability, group_size() a number of at least 1."),
        Case("trains in place, and tells the model and the progress", kit.trains_in_place,
             cure="Step an optimiser over network.parameters(), then call on_weights_updated() and "
                  "progress.log."),
        Case("says when an update begins", kit.says_when_it_updates,
             cure="Put `with selfchal.updating(training.model):` around each update, and collect outside."),
        Case("leaves the network as it found it, but for its weights", kit.leaves_the_network,
             cure="Call network.eval() at the end, and leave the sizes and types of its weights alone."),
        Case("logs finite numbers by name", kit.logs_numbers,
             cure="Log numbers: loss.item(), and leave out what could not be measured."),
        Case("saves what can be read back", kit.saves_what_can_be_read,
             cure="Save tensors, numbers, text, and lists and dicts of them, after each "
                  "``checkpoint_every`` updates."),
        Case("trains alike with the same seed", kit.trains_alike,
             cure="Draw from generators that are seeded with training.seed."),
        Case("trains otherwise with another seed", kit.trains_otherwise,
             cure="Draw from generators that are seeded with training.seed, and make the seeds of collect "
                  "of it."),
        Case("rolls out nothing more once the budget is used up", kit.ends_with_the_budget,
             cure="Ask progress.is_over() after each update, and end with the weights as they are."),
        *([Case(ALIKE, kit.trains_alike_elsewhere, cure=SORT)] if is_registered("trainer", cls) else ()),
        Case("stopped and resumed it ends in the same weights", kit.resumes, CaseLevel.SEMANTIC,
             "Begin with progress.latest(), and save all that later updates depend on: optimiser, "
             "generators, baseline."),
        Case("moves the agent's tokens alone", kit.moves_own_tokens, CaseLevel.SEMANTIC,
             "Multiply the loss by episode.mask: position i predicts token i + 1, so shift by one."),
        Case("makes what earned a reward likelier", kit.learns, CaseLevel.SEMANTIC,
             "Look at the sign of the loss and of the advantage, and at which token a "
             "log-probability belongs to."),
        Case("leaves episodes as they were", kit.leaves_episodes,
             cure="Copy what you change: others read the episodes after the trainer."),
        Case("takes each group once in one pass", kit.takes_each_group_once,
             cure="one_pass(groups) gives a trainer that asks for so many groups, each once."),
        Case("rolls out no more than it says", kit.rolls_out_what_it_says,
             cure="count_episodes(tasks) is the most that train() collects, resampling too."),
        Case("ends where nothing could be judged", kit.ends_without_rewards,
             cure="Leave episodes out whose reward is None; where none is left, raise TrainingError "
                  "or return."),
        Case("learns nothing where no episode earned a reward", kit.learns_nothing_of_nothing,
             cure="Where all rewards are equal there is nothing to compare: leave such groups out, or raise "
                  "TrainingError where no other is left."),
        Case("keeps its weights finite whatever a reward is", kit.keeps_weights_finite,
             cure="Refuse a reward or a gradient that is not finite by raising TrainingError before "
                  "the step."),
    ]  # fmt: skip


ALIKE = "trains alike in other processes, under other hash seeds"
SORT = "Sort what comes out of a set, and take hashlib or zlib.crc32 of a text: hash() is another one there."


def tell_seen(cls: type[Any], options: Mapping[str, Json]) -> list[tuple[str, Json]]:
    """The weights that it ends in, for a comparison of processes."""
    weights = b"".join(_copy_weights(_Kit(cls, options).undisturbed.model).values())
    return [("what the weights end in", hashlib.sha256(weights).hexdigest()[:12])]


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
            f"needs is {trainer.needs!r}; it is a set of selfchal.Capability",
        )
        demand_type(trainer.group_size(), int, "group_size()")
        demand(trainer.group_size() >= 1, f"group_size() is {trainer.group_size()}; 1 is the least")
        demand_type(trainer.count_episodes(8), int, "count_episodes(8)")
        once = trainer.one_pass(8)
        demand("train" in dir(once), f"one_pass(8) gave {once!r:.60}, and not a trainer")

    def trains_in_place(self) -> None:
        model, logged = self.undisturbed.model, self.undisturbed.logged
        demand(_copy_weights(model) != _copy_weights(_new_model()), "training changed no weight")
        demand(model.announced, "on_weights_updated() was never called")
        steps = [step for step, _ in logged]
        demand(logged, "progress.log was never called")
        demand(steps == list(range(1, len(steps) + 1)), f"the updates were logged as {steps}, not as 1, 2, …")

    def says_when_it_updates(self) -> None:
        begun = self.undisturbed.model.begun
        demand(begun, "training changed weights and never said when an update begins")
        demand(not self.undisturbed.model.updating, "training is over, and the last update has not ended")

    def leaves_the_network(self) -> None:
        trained, fresh = self.undisturbed.model.network, _new_model().network
        demand(
            not trained.training,
            "it leaves the network in training mode, in which dropout acts when it samples",
        )
        for (name, after), (_, before) in zip(
            trained.state_dict().items(), fresh.state_dict().items(), strict=True
        ):
            alike = (after.shape, after.dtype) == (before.shape, before.dtype)
            demand(
                alike,
                f"{name} was {before.dtype} {list(before.shape)}, and is {after.dtype} {list(after.shape)}",
            )
        frozen = [name for name, weight in trained.named_parameters() if not weight.requires_grad]
        demand(not frozen, f"it leaves weights that no later training can move: {', '.join(frozen[:3])}")

    def logs_numbers(self) -> None:
        for step, metrics in self.undisturbed.logged:
            for name, value in metrics.items():
                what = f"the metric {name!r} of update {step}"
                demand_type(name, str, f"a name of a metric of update {step}")
                size = getattr(value, "numel", None) or getattr(
                    value, "size", None
                )  # of a tensor or an array
                count = size() if callable(size) else size or 1
                single = count == 1 and value is not None and not isinstance(value, str | list | dict | tuple)
                demand(single, f"{what} is {value!r:.60}, and no number")
                demand(math.isfinite(value), f"{what} is {value}, which is not finite")

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

    def trains_otherwise(self) -> None:
        other = self._train(seed=1)
        demand(
            _copy_weights(other.model) != _copy_weights(self.undisturbed.model),
            "the seeds 0 and 1 gave the same weights: training.seed is not used",
        )

    def ends_with_the_budget(self) -> None:
        from selfchal.testing.conformance.game import MemoryProgress, training

        model, late = _new_model(), list[int]()
        progress = MemoryProgress(model, over=True)
        given = training(model, progress)

        def collect(*wanted: Any, **seed: Any) -> Any:
            late.extend([1] * bool(progress.logged))
            return given.collect(*wanted, **seed)

        self.trainer().train(replace(given, collect=collect))
        what = "the budget was used up at the first update"
        demand(not late, f"{what}, and it rolled out {len(late)} times more")

    def trains_alike_elsewhere(self) -> None:
        demand_alike("trainer", self.cls, self.options)

    def resumes(self) -> None:
        kept, steps = [step for step, _, _ in self.undisturbed.kept], len(self.undisturbed.logged)
        later = [step for step in range(1, steps) if kept and step > kept[0]]
        demand(later, f"of {steps} updates none comes between two checkpoints ({kept}); give other options")
        stopped = self._train(stop_after=later[-1])
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
            self.trainer().train(training(model, MemoryProgress(model), played, longer=True))
        demand(not watch.leaks, f"tokens that the agent did not write carry gradient: {watch.leaks[:3]}")
        demand(watch.own, "no token of the agent's carries gradient")

    def learns(self) -> None:
        from selfchal.testing.conformance.game import rightness

        before, after = (rightness(model.network) for model in (_new_model(), self.undisturbed.model))
        demand(
            after > before,
            f"the log-probability of what earns a reward went from {before:.3f} to {after:.3f}",
        )

    def leaves_episodes(self) -> None:
        from selfchal.testing.conformance.game import MemoryProgress, training

        model, played, before = _new_model(), list[Episode](), list[Episode]()
        given = training(model, MemoryProgress(model), played)

        def collect(*wanted: Any, **seed: Any) -> Any:
            groups = given.collect(*wanted, **seed)
            before.extend(copy.deepcopy(episode) for group in groups for episode in group.episodes)
            return groups

        self.trainer().train(replace(given, collect=collect))
        changed = [one for one, old in zip(played, before, strict=True) if one != old]
        demand(not changed, f"it changed an episode that it was given: {changed[:1]}")

    def learns_nothing_of_nothing(self) -> None:
        from selfchal.testing.conformance.game import MemoryProgress, training

        model = _new_model()
        given = training(model, MemoryProgress(model))

        def collect(*wanted: Any, **seed: Any) -> Any:
            groups = given.collect(*wanted, **seed)
            for episode in (one for group in groups for one in group.episodes):
                episode.reward = 0.0
            return groups

        try:
            self.trainer().train(replace(given, collect=collect))
        except TrainingError as error:
            demand(str(error), "a TrainingError says why training cannot go on")
        same = _copy_weights(model) == _copy_weights(_new_model())
        demand(same, "every reward was 0, and the weights changed")

    def keeps_weights_finite(self) -> None:
        from selfchal.testing.conformance.game import MemoryProgress, training

        model, raised = _new_model(), ""
        given = training(model, MemoryProgress(model))

        def collect(*wanted: Any, **seed: Any) -> Any:
            groups = given.collect(*wanted, **seed)
            for group in groups[::2]:
                group.episodes[0].reward = math.nan
            return groups

        try:
            self.trainer().train(replace(given, collect=collect))
        except TrainingError as error:
            demand(str(error), "a TrainingError says why training cannot go on")
        except Exception as error:  # noqa: BLE001 — with weights that are not finite anything may be raised
            raised = f", and it raised {type(error).__name__}: {error}"
        odd = [name for name, one in model.network.state_dict().items() if not bool(one.isfinite().all())]
        what = f"after a reward that is not a number {len(odd)} weights are not finite{raised}"
        demand(not odd and not raised, what)

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

    def _train(
        self,
        kept: list[Any] | None = None,
        stop_after: int | None = None,
        seed: int = 0,
    ) -> MemoryProgress:
        from selfchal.testing.conformance.game import MemoryProgress, training

        model = _new_model()
        progress = MemoryProgress(model, kept=list(kept or ()), stop_after=stop_after)
        try:
            self.trainer().train(training(model, progress, seed=seed))
        except KeyboardInterrupt:
            demand(stop_after is not None, "it was interrupted")
        return progress


def _new_model() -> TinyModel:
    from selfchal.testing.conformance.game import TinyModel

    return TinyModel()


def _copy_weights(model: TinyModel) -> dict[str, bytes]:
    """To the last bit."""
    return {name: weight.numpy().tobytes() for name, weight in model.network.state_dict().items()}
