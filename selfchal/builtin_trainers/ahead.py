"""Where an on-policy loop takes its batches from: each in its turn, or rolled out during earlier updates.

A thread rolls the batches out one after the other, in the order in which they are learnt from, and never
drops one because it is slow. It begins a batch only if the weights that it would sample with will be at most
``staleness`` updates old when the batch is learnt from; so that many batches at most are ahead of the loop.
Weights are taken over between two batches, outside of updates. With ``staleness`` 1, and a model that takes
them at no other time, every batch but the first is sampled with those of one update before, whatever the
timing.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Protocol

from selfchal.builtin_trainers.checkpoint import TrainState
from selfchal.builtin_trainers.options import OnPolicyOptions
from selfchal.builtin_trainers.rollouts import TaskSampler, collect_groups, mean
from selfchal.core.ahead import Ahead
from selfchal.core.episode import Group
from selfchal.core.trainer import Training

_NEVER = -(10**9)  # the update behind which weights were taken, before any were


class Batches(Protocol):
    """The batches of a training, in order."""

    def take(self, state: TrainState) -> tuple[list[Group], dict[str, float]]:
        """The groups of update ``state.step``, and the metrics of how they were made."""
        ...

    def updating(self) -> AbstractContextManager[None]:
        """Around an update, from its first pass to the word that the weights have changed."""
        ...

    def settle(self, *, last: bool) -> None:
        """Before a checkpoint: have the next batch and what is under way stored, and roll nothing out until
        the next ``take``. Behind the ``last`` update nothing more is rolled out at all."""
        ...


@dataclass(frozen=True)
class InTurn:
    """Each batch is rolled out behind the update before it, with the weights of the moment."""

    training: Training
    options: OnPolicyOptions
    resample: int

    def take(self, state: TrainState) -> tuple[list[Group], dict[str, float]]:
        began = time.perf_counter()
        groups = _roll_out(self.training, state.sampler, self.options, self.resample)
        return groups, {"seconds_rollout": time.perf_counter() - began}

    def updating(self) -> AbstractContextManager[None]:
        return nullcontext()

    def settle(self, *, last: bool) -> None:
        """Nothing is under way."""


@dataclass(frozen=True)
class _Batch:
    groups: list[Group]
    sampler: TaskSampler  # as it stood behind this batch
    validation_seed: int
    seconds: float
    idle: float  # seconds for which its beginning had to wait


class BatchesAhead:
    """Batches that a thread rolls out during earlier updates; see above. ``close`` ends the thread."""

    def __init__(
        self, ahead: Ahead, training: Training, options: OnPolicyOptions, resample: int, state: TrainState
    ) -> None:
        self._ahead = ahead
        self._training = replace(training, collect=ahead.collect)
        self._options, self._resample = options, resample
        self._changed = threading.Condition()  # guards what follows
        self._rolled: deque[_Batch] = deque()
        self._over, self._learnt = state.step, state.learnt  # updates that were tried, and that were made
        self._taken = _NEVER  # what ``_over`` was when the sampler took the weights
        self._rolling = self._updating = self._stopped = False
        self._rolled_until = state.step  # the update whose batch was rolled out last
        self._rest_behind = options.steps  # no batch of a later update is begun
        self._error: BaseException | None = None
        self._waited = 0.0  # seconds in which the loop had nothing to learn from
        arguments = (replace(state.sampler), range(state.step + 1, options.steps + 1))
        self._thread = threading.Thread(target=self._roll_all, args=arguments, name="rollouts-ahead")
        self._thread.start()

    def _roll_all(self, sampler: TaskSampler, steps: Sequence[int]) -> None:
        """The thread's whole work."""
        try:
            for step in steps:
                came = time.perf_counter()
                if not self._wait_to_begin(step):
                    return
                began = time.perf_counter()
                groups = _roll_out(self._training, sampler, self._options, self._resample)
                seed = sampler.next_seed()  # drawn here, so that no later batch draws the same one
                took = time.perf_counter() - began
                with self._changed:
                    self._rolled.append(_Batch(groups, replace(sampler), seed, took, began - came))
                    self._rolling, self._rolled_until = False, step
                    self._changed.notify_all()
        except BaseException as error:  # noqa: BLE001 — raised by ``take``, in the loop
            with self._changed:
                self._error, self._rolling = error, False
                self._changed.notify_all()

    def _wait_to_begin(self, step: int) -> bool:
        """Wait until the batch of this update may be begun; False where none is wanted any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or self._may_begin(step))
            if self._stopped:
                return False
            if not self._updating and (self._ahead.staleness > 1 or self._is_too_old(step, self._taken)):
                self._take_weights()
            self._rolling = True
            return True

    def _may_begin(self, step: int) -> bool:
        available = self._taken if self._updating else self._over
        return step <= self._rest_behind and not self._is_too_old(step, available)

    def _is_too_old(self, step: int, weights: int) -> bool:
        return step - 1 - weights > self._ahead.staleness

    def _take_weights(self) -> None:
        if self._taken != self._over:
            self._ahead.take_weights(self._learnt)
            self._taken = self._over

    def take(self, state: TrainState) -> tuple[list[Group], dict[str, float]]:
        began = time.perf_counter()
        with self._changed:
            self._over, self._rest_behind = state.step - 1, self._options.steps
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._rolled or self._error)
            if not self._rolled:
                assert self._error is not None, "one of the two was waited for"
                raise self._error
            batch = self._rolled.popleft()
        self._ahead.store()
        state.sampler, state.validation_seed = batch.sampler, batch.validation_seed
        waited, self._waited = self._waited + time.perf_counter() - began, 0.0
        return batch.groups, {
            "seconds_rollout": batch.seconds,
            "seconds_idle_rollout": batch.idle,
            "seconds_idle_update": waited,
            **_measure_staleness(batch.groups, state.learnt),
        }

    @contextmanager
    def updating(self) -> Iterator[None]:
        with self._changed:
            if not self._rolling:  # the next batch may begin during the update, and with these weights
                self._take_weights()
            self._updating = True
        try:
            yield
            self._learnt += 1
        finally:
            with self._changed:
                self._updating = False

    def settle(self, *, last: bool) -> None:
        if last:
            self.close()
            return
        began = time.perf_counter()
        with self._changed:
            self._rest_behind = self._over + 2  # behind the batch of the next update
            self._changed.wait_for(self._has_settled)
        self._waited += time.perf_counter() - began
        self._ahead.store()

    def _has_settled(self) -> bool:
        return not self._rolling and (self._rolled_until >= self._rest_behind or self._error is not None)

    def close(self) -> None:
        """Give up what is being rolled out, and keep what was. It may be called again."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        self._ahead.stop()
        self._thread.join()
        self._ahead.store()


@contextmanager
def open_batches(
    training: Training, options: OnPolicyOptions, resample: int, state: TrainState
) -> Iterator[Batches]:
    """The batches behind ``state.step``; whatever ends the loop, no thread is left."""
    if training.ahead is None:
        yield InTurn(training, options, resample)
        return
    batches = BatchesAhead(training.ahead, training, options, resample, state)
    try:
        yield batches
    finally:
        batches.close()


def _roll_out(
    training: Training, sampler: TaskSampler, options: OnPolicyOptions, resample: int
) -> list[Group]:
    return collect_groups(training, sampler, options.tasks_per_step, options.group_size, resample)


def _measure_staleness(groups: Sequence[Group], updates: int) -> dict[str, float]:
    """How many updates the weights that sampled each episode's first turn are behind those after so many."""
    versions = [episode.weights_version for group in groups for episode in group.episodes]
    ages = [float(updates - version) for version in versions if version is not None]
    return {"staleness": mean(ages), "staleness_max": max(ages)} if ages else {}
