"""Does a training fit a GPU, and which change of its options, the smallest there is, would make it fit?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import combinations

from selfchal.memory.plan import Machine, ModelPlan, TrainerPlan
from selfchal.memory.sampling import count_sampling_parts
from selfchal.memory.updating import Parts, count_update_parts

MOST_CHANGES = 3
_SHORTEST_CONTEXT = 4096


@dataclass(frozen=True)
class Plan:
    """All that the arithmetic knows of a run. ``trainer`` is None where nothing is trained."""

    model: ModelPlan
    trainer: TrainerPlan | None
    machine: Machine

    @property
    def updating(self) -> Parts:
        """Empty where nothing is trained."""
        return count_update_parts(self.model, self.trainer, self.machine) if self.trainer else {}

    @property
    def sampling(self) -> Parts:
        return count_sampling_parts(self.model, self.trainer, self.machine)

    @property
    def need(self) -> int:
        """The bytes of a GPU that the larger of both moments takes."""
        return max(sum(self.updating.values()), sum(self.sampling.values()))

    @property
    def fits(self) -> bool:
        return self.need <= self.machine.gpu_bytes


@dataclass(frozen=True)
class Change:
    """A change of options in a manifest's words, and the plan that it leads to."""

    words: str
    plan: Plan


def find_nearest(plan: Plan) -> Change | None:
    """The fewest changes that fit, the mildest of these first; None where no three of them do."""
    for count in range(1, MOST_CHANGES + 1):
        for makers in combinations(_MAKERS, count):
            found = _apply(plan, makers)
            if found and found.plan.fits:
                return found
    return None


Maker = Callable[[Plan], "Iterator[Change]"]


def _apply(plan: Plan, makers: tuple[Maker, ...]) -> Change | None:
    """The first way to make all these changes that fits; None where one of them would change nothing."""
    first, *others = makers
    for change in first(plan):
        if not others:
            if change.plan.fits:
                return change
            continue
        rest = _apply(change.plan, tuple(others))
        if rest:
            return Change(f"{change.words}, {rest.words}", rest.plan)
    return None


def _checkpoint(plan: Plan) -> Iterator[Change]:
    if plan.trainer and not plan.model.checkpointing:
        model = replace(plan.model, checkpointing=True)
        yield Change("model.gradient_checkpointing: true", replace(plan, model=model))


def _compute_in_bfloat16(plan: Plan) -> Iterator[Change]:
    if plan.trainer and plan.trainer.compute_bytes == 4:
        trainer = replace(plan.trainer, compute_bytes=2)
        yield Change("trainer.precision: bfloat16", replace(plan, trainer=trainer))


def _shorten_passes(plan: Plan) -> Iterator[Change]:
    if plan.trainer and plan.trainer.pass_tokens > plan.trainer.together * plan.model.context:
        tokens = plan.trainer.together * plan.model.context
        trainer = replace(plan.trainer, pass_tokens=tokens)
        words = f"trainer.micro_batch_tokens: {tokens}"
        yield Change(words, replace(plan, trainer=trainer))


def _sleep(plan: Plan) -> Iterator[Change]:
    if plan.model.sampler == "beside":
        yield Change("model.sleep: true", replace(plan, model=replace(plan.model, sampler="asleep")))


def _share_critic(plan: Plan) -> Iterator[Change]:
    """A head on the policy's states, which takes next to nothing."""
    if plan.trainer and plan.trainer.critic:
        trainer = replace(plan.trainer, critic=False)
        yield Change("trainer.critic: head", replace(plan, trainer=trainer))


def _shard(plan: Plan) -> Iterator[Change]:
    """Over the GPUs that there are."""
    if plan.machine.processes > 1 and plan.trainer and plan.trainer.shards and not plan.trainer.sharded:
        yield _shard_over(plan, plan.machine.processes)


def _take_more_gpus(plan: Plan) -> Iterator[Change]:
    """Of the same kind, and split over them."""
    if plan.trainer and plan.trainer.shards:
        more = (number for number in (2, 4, 8, 16) if number > plan.machine.processes)
        yield from (_shard_over(plan, number) for number in more)


def _shard_over(plan: Plan, processes: int) -> Change:
    assert plan.trainer is not None
    trainer, machine = replace(plan.trainer, sharded=True), replace(plan.machine, processes=processes)
    words = f"trainer.parallel: shard with {processes} GPUs"
    return Change(words, replace(plan, trainer=trainer, machine=machine))


def _shorten_context(plan: Plan) -> Iterator[Change]:
    context = plan.model.context // 2
    while context >= _SHORTEST_CONTEXT:
        words, trainer = f"model.context: {context}", plan.trainer
        if trainer and trainer.pass_tokens > trainer.together * context:
            trainer = replace(trainer, pass_tokens=trainer.together * context)
            words += f", trainer.micro_batch_tokens: {trainer.pass_tokens}"
        model = replace(plan.model, context=context)
        yield Change(words, replace(plan, model=model, trainer=trainer))
        context //= 2


def _adapt(plan: Plan) -> Iterator[Change]:
    if plan.trainer and plan.model.adapter_rank is None:
        yield Change("model.lora: {r: 16}", replace(plan, model=replace(plan.model, adapter_rank=16)))


def _quantise(plan: Plan) -> Iterator[Change]:
    trainable = plan.trainer is None or plan.model.adapter_rank is not None
    if trainable and plan.model.quantised is None and plan.model.sampler == "shared":
        model = replace(plan.model, quantised="4bit")
        yield Change("model.quantization: 4bit", replace(plan, model=model))


_MAKERS: tuple[Maker, ...] = (
    _checkpoint,
    _compute_in_bfloat16,
    _shorten_passes,
    _sleep,
    _shard,
    _share_critic,
    _shorten_context,
    _take_more_gpus,
    _adapt,
    _quantise,
)
