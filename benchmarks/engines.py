"""What engines cost and give: processes, Ray, the driver's memory, and where the driver saturates.

python benchmarks/engines.py [NAME …] [--orders N]

- processes: orders of 50 ms of CPU, one at a time, and by `local` with two processes
- ray: the same orders by `local` with two processes and by `ray` with two workers
- judging: sound tasks of `calculation` judged as `selfchal tasks judge` does it, and by `local`
- memory: empty orders by two processes, the memory of the driver on the way
- saturation: workers that only take a stated time (threads here), up to a thousand: finished episodes a
  minute, and bytes a second, that one driver can serve
- samplers: the same with turns that come from up to 64 samplers of a stated cost, through the real fleet
"""

from __future__ import annotations

import os
import pickle
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import click
from engine_samplers import SampledModel
from engine_scenes import DESK, CostlyScene, CostlySpec

import selfchal
from selfchal.builtin_engines.local import LocalConfig, LocalEngine
from selfchal.core.engine import Engine, Order, TaskOrder
from selfchal.core.episode import End, Episode, SceneResult
from selfchal.core.model import Message, Sampling
from selfchal.core.task import Task
from selfchal.judging import JudgeSpec, judge_each
from selfchal.rollout.remote_scene import RemoteScene
from selfchal.rollout.rollout import Rollout
from selfchal.rollout.scene_host import Begun, Ended
from selfchal.testing.conformance.synthesizers import SOUND
from selfchal.testing.scripted import ScriptedModel

COST = 0.05  # seconds of CPU an order
TASK = Task("t", DESK, {}, "Do it.", "", "", ())


def list_orders(count: int) -> list[Order]:
    return [TaskOrder(DESK, replace(TASK, id=str(number)), number) for number in range(count)]


def make_rollout(batch: int) -> Rollout:
    """A model that says one letter at once; without lockstep, as where many scenes are under way."""
    model: Any = ScriptedModel(lambda text: "a")
    return Rollout(model, Sampling(max_tokens=4), batch, lockstep=False)


@contextmanager
def open_engine(engine: Engine, spec: CostlySpec) -> Iterator[Engine]:
    with closing(engine):
        engine.open(spec.open(), spec, lambda question: "")
        yield engine


def time_play(engine: Engine, orders: Sequence[Order], batch: int) -> float:
    """Orders a second, after the workers have been started."""
    rollout = make_rollout(batch)
    list(engine.play(orders[: 2 * batch], rollout))
    started = time.perf_counter()
    finished = sum(1 for _ in engine.play(orders, rollout))
    assert finished == len(orders)
    return finished / (time.perf_counter() - started)


def measure_processes(orders: int) -> None:
    spec, wanted = CostlySpec(COST), list_orders(orders)
    with open_engine(LocalEngine(LocalConfig(processes=1)), spec) as engine:
        alone = time_play(engine, wanted, 1)
    with open_engine(LocalEngine(LocalConfig(processes=2)), spec) as engine:
        several = time_play(engine, wanted, 16)
    print(f"one at a time      {alone:7.1f} orders/s of {1000 * COST:.0f} ms")
    print(f"local, 2 processes {several:7.1f} orders/s   {several / alone:.2f} times as many")


def measure_ray(orders: int) -> None:
    from selfchal.builtin_engines.ray_config import RayConfig
    from selfchal.builtin_engines.ray_engine import RayEngine

    os.environ["PYTHONPATH"] = str(Path(__file__).parent)  # where actors find the scenes
    spec, wanted = CostlySpec(COST), list_orders(orders)
    with open_engine(LocalEngine(LocalConfig(processes=2)), spec) as engine:
        local = time_play(engine, wanted, 16)
    with open_engine(RayEngine(RayConfig(workers=2)), spec) as engine:
        ray = time_play(engine, wanted, 16)
    print(f"local, 2 processes {local:7.1f} orders/s of {1000 * COST:.0f} ms")
    print(f"ray, 2 workers     {ray:7.1f} orders/s   {100 * (local / ray - 1):+.1f} % time an order")


def measure_judging(orders: int) -> None:
    rows = [Task.from_json({**SOUND, "environment": "calculation", "id": str(n)}) for n in range(orders)]
    spec = JudgeSpec(lambda: selfchal.open_environment("calculation"), lambda: None)  # type: ignore[arg-type,return-value]  # opened below
    environment = selfchal.open_environment("calculation")
    threads = 2 * (os.cpu_count() or 1)
    with selfchal.open_sandbox("process") as sandbox:
        judge = spec.make_judge(environment, sandbox)
        list(judge_each(judge, environment, rows[:8], (), threads))
        started = time.perf_counter()
        list(judge_each(judge, environment, rows, (), threads))
        before = len(rows) / (time.perf_counter() - started)

        @dataclass(frozen=True)
        class Worker:
            def make_scene(self, order: Order) -> CostlyScene:
                raise NotImplementedError

            def judge(self, environment: str, task: Task, *filters: Any) -> Any:
                return judge(task, *filters)

            def close(self) -> None: ...

        engine = LocalEngine(LocalConfig(processes=1))
        engine.open(Worker(), CostlySpec(), lambda question: "")  # it judges alone
        started = time.perf_counter()
        list(engine.judge("calculation", rows))
        after = len(rows) / (time.perf_counter() - started)
    print(f"as tasks judge     {before:7.1f} tasks/s")
    print(f"by the engine      {after:7.1f} tasks/s    {after / before:.2f} times as many")


def measure_memory(orders: int) -> None:
    first = 0.0
    with open_engine(LocalEngine(LocalConfig(processes=2)), CostlySpec()) as engine:
        started = time.perf_counter()
        for done in range(0, orders, 5_000):
            for _ in engine.play(list_orders(5_000), make_rollout(64)):
                pass
            resident = _read_resident()
            first = first or resident
            if done % 20_000 == 0 or done + 5_000 >= orders:
                rate = (done + 5_000) / (time.perf_counter() - started)
                print(f"{done + 5_000:8,} orders  {resident:6.1f} MB in the driver  {rate:6.0f} orders/s")
    print(f"grown since the first 5,000: {resident - first:+.1f} MB")
    if resident - first > 20:
        sys.exit("the driver's memory grows")


def _read_resident() -> float:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


@dataclass
class PretendedHost:
    """A worker far away: it answers after a stated time, and what is sent both ways is counted."""

    seconds: float
    turns: int
    characters: int
    traffic: list[int]
    taken: dict[str, int] = field(default_factory=dict)

    def call(self, method: str, *arguments: Any, **options: Any) -> Any:
        time.sleep(self.seconds)
        key = arguments[0]
        reply: Any
        self.taken[key] = self.taken.get(key, -1) + 1
        if method == "start":
            reply = Begun("t", [Message("system", "s" * self.characters), Message("user", "u")])
        elif self.taken[key] < self.turns:
            reply = Message("user", "o" * self.characters)
        else:
            reply = Ended(SceneResult(End.ANSWER, 1.0, steps=self.turns), None)
        self.traffic.append(len(pickle.dumps((method, arguments, options))) + len(pickle.dumps(reply)))
        return reply

    def leave(self) -> None:
        """Nobody counts."""


def measure_saturation(orders: int) -> None:
    """Each worker has one scene at a time; a turn takes 0.5 s there, an episode five turns."""
    for workers in (10, 100, 300, 1_000):
        found = _play_pretended(workers, make_rollout(workers), max(2 * workers, 50))
        print(f"{workers:5} workers  {found}")


def measure_samplers(orders: int) -> None:
    """Beside that, a turn of 60 tokens takes 0.6 s at one of the samplers, each with 32 rows."""
    for workers, samplers in ((100, 4), (300, 16), (1_000, 64)):
        model: Any = SampledModel(samplers, 60, 0.6, workers)
        rollout = Rollout(model, Sampling(max_tokens=64), workers, lockstep=False)
        found = _play_pretended(workers, rollout, 2 * workers, model.traffic)
        model.close()
        print(f"{workers:5} workers, {samplers:2} samplers  {found}")


def _play_pretended(workers: int, rollout: Rollout, count: int, sampled: Sequence[int] = ()) -> str:
    """So many orders with pretended workers; what the driver did a minute and a second. ``sampled``: bytes
    that travelled to samplers."""
    traffic: list[int] = []
    free, lock = [PretendedHost(0.5, 5, 1_000, traffic) for _ in range(workers)], threading.Lock()

    def lend() -> PretendedHost:
        with lock:
            free.append(free.pop(0))
            return free[-1]

    scenes = [RemoteScene(order, lend, lambda question: "") for order in list_orders(count)]
    started, cpu = time.perf_counter(), time.process_time()
    episodes: list[Episode] = [episode for _, episode in rollout.play(scenes, [0] * len(scenes), workers)]
    seconds, busy = time.perf_counter() - started, time.process_time() - cpu
    megabytes = (sum(traffic) + sum(sampled)) / 1e6
    return (
        f"{60 * len(episodes) / seconds:8,.0f} episodes/min of 5 turns  "
        f"{megabytes / seconds:6.2f} MB/s  driver busy {100 * busy / seconds:4.0f} %"
    )


MEASUREMENTS: dict[str, tuple[Callable[[int], None], int]] = {
    "processes": (measure_processes, 200),
    "ray": (measure_ray, 200),
    "judging": (measure_judging, 120),
    "memory": (measure_memory, 100_000),
    "saturation": (measure_saturation, 0),
    "samplers": (measure_samplers, 0),
}


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(MEASUREMENTS)))
@click.option("--orders", type=int, help="Of each measurement; without it as many as the docs say.")
def main(names: tuple[str, ...], orders: int | None) -> None:
    """Measure what is named, or everything."""
    for name in names or MEASUREMENTS:
        measure, usual = MEASUREMENTS[name]
        print(f"\n{name}", flush=True)
        measure(orders or usual)


if __name__ == "__main__":
    main()
