"""How fast the tables of retail and airline are, against tau-bench where a checkout of it is given.

    python benchmarks/environments.py [--tau-bench PATH] [--data PATH] [--seconds 3]

``--data`` (default: $SELFCHAL_BENCHMARK_DATA, else ../shared) holds ``envdata`` and ``conformance``: the
originals' tables and the recorded calls that both sides answer. Both run in this process, one after the
other; times are CPU time of the process, so that a busy machine disturbs them less.
"""

from __future__ import annotations

import argparse
import gzip
import importlib
import json
import marshal
import os
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from selfchal.builtin_envs.airline.environment import Airline
from selfchal.builtin_envs.retail.environment import Retail
from selfchal.builtin_envs.service.environment import ServiceEnvironment
from selfchal.builtin_envs.tables.database import Database
from selfchal.builtin_envs.tables.world import TableWorld

SERVICES: tuple[type[ServiceEnvironment], ...] = (Retail, Airline)
WORLDS = 64
Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tau-bench", type=Path, help="a checkout of sierra-research/tau-bench")
    default = Path(os.environ.get("SELFCHAL_BENCHMARK_DATA", "../shared"))
    parser.add_argument("--data", type=Path, default=default)
    parser.add_argument("--seconds", type=float, default=3.0, help="how long each stream is repeated")
    options = parser.parse_args()
    if not (options.data / "conformance").is_dir():
        sys.exit(f"No recorded calls in {options.data}: set --data or SELFCHAL_BENCHMARK_DATA.")
    original = load_original(options.tau_bench) if options.tau_bench else None
    if original is None:
        print("tau-bench: skipped, give --tau-bench PATH")
    for service in SERVICES:
        measure(service, options.data, original, options.seconds)


def measure(
    service: type[ServiceEnvironment], data: Path, original: ModuleType | None, seconds: float
) -> None:
    print(f"\n{service.name}")
    config: Any = service.Config(data=data / "envdata")
    environment = service(config)
    sequences = recorded(data / "conformance" / "tau" / f"{service.name}_fuzz.jsonl.gz")
    reset, reload = reset_time(environment, sequences), reload_time(data, service)
    ratio = reload / reset
    print(f"  reset {1e6 * reset:.1f} us, reading the tables again {1e3 * reload:.1f} ms: {ratio:,.0f} x")
    world = environment.open({})
    with_digest = stream(seconds, sequences, world.reset, lambda call: answer(world, call, digest=True))
    without = stream(seconds, sequences, world.reset, lambda call: answer(world, call, digest=False))
    print(f"  a call {1e6 * without:.1f} us, with the digest after it {1e6 * with_digest:.1f} us")
    if original is not None:
        compare(service, original, sequences, seconds, with_digest)
    one, many = memory(data, service, sequences, 1), memory(data, service, sequences, WORLDS)
    print(f"  memory: one world {one / 1e6:.1f} MB, {WORLDS} worlds {many / 1e6:.1f} MB: {many / one:.2f} x")


def recorded(path: Path) -> list[list[Row]]:
    """The recorded calls, by sequence; those whose original crashed its own environment are left out."""
    sequences: dict[int, list[Row]] = {}
    with gzip.open(path, "rt") as lines:
        for line in lines:
            row = json.loads(line)
            if row["obs"] is not None:
                sequences.setdefault(row["seq"], []).append(row)
    return list(sequences.values())


def answer(world: TableWorld, call: Row, digest: bool) -> str:
    text = world.show(world.call(call["name"], (), call["kwargs"]))
    if digest:
        world.digest()
    return text


def stream(
    seconds: float, sequences: list[list[Row]], reset: Callable[[], object], call: Callable[[Row], object]
) -> float:
    """Median over whole passes of the seconds a call takes; resets are not counted."""
    passes: list[float] = []
    end = time.process_time() + seconds
    while time.process_time() < end or not passes:
        spent, calls = 0.0, 0
        for sequence in sequences:
            reset()
            start = time.process_time()
            for row in sequence:
                call(row)
            spent += time.process_time() - start
            calls += len(sequence)
        passes.append(spent / calls)
    return statistics.median(passes)


def reset_time(environment: ServiceEnvironment, sequences: list[list[Row]]) -> float:
    """Median of the seconds that the reset of a used world takes."""
    world, times = environment.open({}), []
    for sequence in sequences:
        for row in sequence:
            answer(world, row, digest=True)
        start = time.process_time()
        world.reset()
        times.append(time.process_time() - start)
    return statistics.median(times)


def reload_time(data: Path, service: type[ServiceEnvironment]) -> float:
    """Median of the seconds that reading the tables takes, as tau-bench does at each reset."""
    texts = [path.read_bytes() for path in table_files(data, service)]
    plain = [gzip.decompress(text) for text in texts]
    times = []
    for _ in range(5):
        start = time.process_time()
        for text in plain:
            json.loads(text)
        times.append(time.process_time() - start)
    return statistics.median(times)


def table_files(data: Path, service: type[ServiceEnvironment]) -> list[Path]:
    folder = data / "envdata" / "tau-bench" / service.name
    return [folder / f"{table}.json.gz" for table in service.domain.tables]


def memory(data: Path, service: type[ServiceEnvironment], sequences: list[list[Row]], worlds: int) -> float:
    """Bytes held by the tables and this many worlds that were each used for one sequence."""
    tracemalloc.start()
    files = table_files(data, service)
    tables = {path.name.split(".")[0]: json.loads(gzip.decompress(path.read_bytes())) for path in files}
    database, toolset = Database(tables), service.domain.find_toolset("compat")
    used = [TableWorld(database, toolset) for _ in range(worlds)]
    for world, sequence in zip(used, sequences, strict=False):
        for row in sequence:
            answer(world, row, digest=True)
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return float(held)


def load_original(path: Path) -> ModuleType:
    """tau-bench's own environments; its model client is replaced by nothing, no model is called."""
    stub = ModuleType("litellm")
    stub.__dict__["completion"] = None
    sys.modules["litellm"] = stub
    sys.path.insert(0, str(path))
    return importlib.import_module("tau_bench.envs.base")


def compare(
    service: type[ServiceEnvironment],
    original: ModuleType,
    sequences: list[list[Row]],
    seconds: float,
    ours: float,
) -> None:
    env = original_env(service, original)
    action = sys.modules["tau_bench.types"].Action
    calls = [[{"action": action(name=row["name"], kwargs=row["kwargs"])} for row in s] for s in sequences]

    def reload() -> None:
        env.data = env.data_load_func()
        env.actions = []

    reloads = []
    for _ in range(3):
        start = time.process_time()
        reload()
        reloads.append(time.process_time() - start)
    few = calls[:2]  # its hash takes up to a second a call

    pristine = {name: marshal.dumps(table) for name, table in env.data.items()}

    def fresh() -> None:
        """As ``reload``, but quicker: resets are not counted here."""
        env.data = {name: marshal.loads(table) for name, table in pristine.items()}
        env.actions = []

    def hashed(row: Mapping[str, Any]) -> None:
        step(env, row)
        env.get_data_hash()

    theirs = stream(0, calls, fresh, lambda row: step(env, row))
    theirs_hashed = stream(0, few, fresh, hashed)
    print(
        f"  tau-bench: reload {1e3 * statistics.median(reloads):.1f} ms, a call {1e6 * theirs:.1f} us, "
        f"with its hash after it {1e3 * theirs_hashed:.1f} ms"
    )
    print(
        f"  ours with digest against tau-bench: {theirs / ours:.1f} x without its hash, "
        f"{theirs_hashed / ours:,.0f} x with it"
    )


def step(env: Any, row: Mapping[str, Any]) -> None:
    """One action through the environment, without the reward that a transfer would start."""
    env.terminate_tools = []
    env.step(row["action"])


def original_env(service: type[ServiceEnvironment], original: ModuleType) -> Any:
    import importlib

    tools = importlib.import_module(f"tau_bench.envs.{service.name}.tools").ALL_TOOLS
    load = importlib.import_module(f"tau_bench.envs.{service.name}.data").load_data
    task = sys.modules["tau_bench.types"].Task(user_id="", instruction="", actions=[], outputs=[])
    return original.Env(load, tools, [task], "", [], "human", "", task_index=0)


if __name__ == "__main__":
    main()
