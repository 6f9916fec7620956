"""Measures `selfchal view` on a large run: pages of a store of a million made-up episodes, and memory.

python benchmarks/view.py --episodes 1000000 --out /tmp/view --report docs/results/view.md
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import re
import signal
import sqlite3
import statistics
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

sys.path.insert(0, str(Path(__file__).parent))

from store_results import describe_machine, find_commit

from selfchal.browsing.index import open_index
from selfchal.browsing.schema import INDEX, INDEX_FILES
from selfchal.core.episode import End, Episode
from selfchal.core.model import Message
from selfchal.pipeline.store import Store

MANIFEST = {
    "run": {"name": "large", "seed": 0},
    "environment": {"name": "calculation"},
    "model": {"name": "seedling"},
    "trainer": {"name": "grpo"},
    "rounds": 1,
}
WORDS = ("convert", "search", "weight", "total", "price", "alpha", "flight", "order", "refund", "decode")
TEMPLATES = 2_000  # different conversations; an episode is one of them with a task and a reward of its own
TEST_TASKS, SAMPLES, GROUP, BATCH = 1_000, 4, 8, 192
REPEATS = 5
RARE = "needle"  # said in one template alone


def make_template(number: int) -> Episode:
    """A conversation of two turns, about as long as the quick start's."""
    rng = random.Random(number)
    words = rng.choices(WORDS, k=8)
    said = f"Action:\nprint({words[0]}({number}))\nEnd Action {RARE if number == 7 else ''}"
    messages = [
        Message("system", f"You have the tools {', '.join(WORDS)}. {RARE}"),
        Message("user", f"What is the {words[1]} of {number} {words[2]}s?"),
        Message("assistant", said),
        Message("user", f"Observation:\n{number * 7} {' '.join(words[3:])}"),
        Message("assistant", f"Answer: {number * 7}"),
    ]
    mask = [0] * 40 + [1] * 12 + [0] * 8 + [1] * 6
    logprobs = [-rng.random() if bit else 0.0 for bit in mask]
    ids = [rng.randrange(900) for _ in mask]
    end = End.STEPS if number % 400 == 0 else End.ANSWER
    return Episode("", 0, messages, ids, mask, logprobs, "7", [], end, 1.0, "", 2, 1, seconds=0.1)


def make_store(directory: Path, episodes: int) -> None:
    """A run with this many episodes: measured before and after, the rest training in groups."""
    packed = [zlib.compress(json.dumps(make_template(n).to_json()).encode(), 1) for n in range(TEMPLATES)]
    with Store.create(directory, MANIFEST) as store:
        store.put_fact("secret", f"made up {episodes}")
        store.put_fact("test_tasks", {f"test{n}": _describe_test_task(n) for n in range(TEST_TASKS)})
        for step in range(200):
            store.put_metrics("train 1", step + 1, {"reward": step / 200, "kl": 0.001 * step})
    database = sqlite3.connect(directory / "store.sqlite")
    with database:
        database.execute("PRAGMA synchronous=OFF")
        database.executemany("INSERT INTO episodes VALUES (?,?,?,?,?,?,?,?)", _make_rows(packed, episodes))
        keys = "INSERT INTO batches SELECT DISTINCT purpose, key FROM episodes"
        database.execute(keys)
    database.close()


def _describe_test_task(number: int) -> dict[str, object]:
    instruction = f"Held-out task {number}"
    return {"family": f"family {number % 5}", "instruction": instruction, "truth": {"answer": number}}


def _make_rows(packed: list[bytes], episodes: int) -> Iterator[tuple[object, ...]]:
    rng = random.Random(0)
    measured = min(TEST_TASKS, episodes // (4 * SAMPLES))
    for when, rate in (("before", 0.2), ("after", 0.5)):
        for number in range(measured * SAMPLES):
            task, sample = divmod(number, SAMPLES)
            key = f"{when}/sampled/{task // 256 * 256:06d}"
            position = number - task // 256 * 256 * SAMPLES
            reward = float(rng.random() < rate)
            body = packed[number % TEMPLATES]
            yield "evaluate", key, position, f"test{task}", sample, reward, "calculation", body
    for number in range(episodes - 2 * measured * SAMPLES):
        batch, position = divmod(number, BATCH)
        reward = float(rng.random() < 0.4)
        name = f"task{number // GROUP % 50_000}"
        body = packed[number % TEMPLATES]
        yield "train", f"1/{batch:010d}", position, name, number % GROUP, reward, "calculation", body


def list_pages(run: str) -> dict[str, str]:
    """What a person asks for, and the page that answers it."""
    at = "evaluate/after/sampled/000000/7"
    episodes = f"{run}/episodes?"
    return {
        "the list of runs": "/",
        "the run": run,
        "episodes: all": episodes,
        "episodes: one stage, solved": f"{episodes}stage=evaluate+after&solved=solved",
        "episodes: failed before, solved after": f"{episodes}before=failed&after=solved",
        "episodes: one family, failed": f"{episodes}family=family+3&solved=failed",
        "episodes: one task": f"{episodes}task=task77",
        "episodes: a rare end": f"{episodes}end=steps",
        "episodes: newest first": f"{episodes}newest=1",
        "episodes: from the middle on": f"{episodes}from=MIDDLE",
        "episodes: longer than any": f"{episodes}min_tokens=10000",
        "search: a frequent word": f"{episodes}text=convert",
        "search: a rare word": f"{episodes}text={RARE}",
        "search: a phrase": f"{episodes}text=%22refund+decode%22",
        "search: a word that nobody said": f"{episodes}text=xylophone",
        "search: a frequent word, an end that none has": f"{episodes}text=answer&end=length",
        "one episode": f"{run}/episode?at={at}",
        "a group side by side": f"{run}/group?at=train/1/0000000009/17",
        "pairs: failed before, solved after": f"{run}/pairs?before=failed&after=solved",
        "a pair side by side": f"{run}/pair?at={at}",
        "a task": f"{run}/task?id=task77",
    }


@dataclass(frozen=True)
class Measured:
    """Milliseconds of each page, the first time and ``REPEATS`` times more; MiB of the server at most."""

    pages: dict[str, list[float]]
    memory: float


def measure_pages(directory: Path, episodes: int) -> Measured:
    """Ask a `selfchal view` of its own for each page; the index must be there already."""
    command = [sys.executable, "-m", "selfchal", "view", str(directory)]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        try:
            address = process.stdout.readline().strip()
            with httpx.Client(base_url=address.partition("/?")[0], timeout=60) as client:
                client.get(address).raise_for_status()
                (run,) = set(re.findall(r'href="(/r/\w+)"', client.get("/").text))
                middle = str(episodes // 2)
                paths = {name: path.replace("MIDDLE", middle) for name, path in list_pages(run).items()}
                pages = {name: _time_page(client, path) for name, path in paths.items()}
            memory = re.findall(r"VmHWM:\s+(\d+)", Path(f"/proc/{process.pid}/status").read_text())
        finally:
            process.send_signal(signal.SIGINT)
    return Measured(pages, int(memory[0]) / 1024)


def _time_page(client: httpx.Client, path: str) -> list[float]:
    spent = []
    for _ in range(1 + REPEATS):
        start = time.perf_counter()
        client.get(path).raise_for_status()
        spent.append(1000 * (time.perf_counter() - start))
    return spent


def write_report(measured: Measured, episodes: int, indexing: float, sizes: tuple[float, float]) -> str:
    rows = [
        f"| {name} | {first:.0f} | {statistics.median(again):.0f} | {min(again):.0f} |"
        for name, (first, *again) in measured.pages.items()
    ]
    return "\n".join([
        "# Large runs in `selfchal view`",
        "",
        f"`python benchmarks/view.py --episodes {episodes} --out DIR --report docs/results/view.md` makes a",
        f"run of {episodes:,} made-up episodes of two turns (66 tokens, about 400 characters), indexes it,",
        "starts `selfchal view`, and asks it for pages over HTTP.",
        "",
        f"The store has {sizes[0]:.0f} MiB, its index {sizes[1]:.0f} MiB. Indexing took {indexing:.0f} s",
        f"of CPU time, once. The server's resident memory was {measured.memory:.0f} MiB at most.",
        "",
        "| page | the first time, ms | again, median of 5, ms | fastest, ms |",
        "| --- | --- | --- | --- |",
        *rows,
        "",
        f"Run at commit {find_commit()}, {time.strftime('%Y-%m-%d')}, on {describe_machine()}.",
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}.",
        "Times are those of a clock on the wall.",
        "",
    ])  # fmt: skip


def index_run(directory: Path) -> float:
    """Seconds of CPU time that indexing took."""
    start = time.process_time()
    with open_index(directory) as index:
        index.catch_up()
    return time.process_time() - start


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--episodes", type=int, default=100_000)
    parser.add_argument(
        "--out", type=Path, required=True, help="where the run is made; used again if it is there"
    )
    parser.add_argument("--report", type=Path, help="the page to write")
    chosen = parser.parse_args()
    if not chosen.out.exists():
        make_store(chosen.out, chosen.episodes)
    for name in INDEX_FILES:
        (chosen.out / name).unlink(missing_ok=True)
    indexing = index_run(chosen.out)
    sizes = tuple((chosen.out / name).stat().st_size / 2**20 for name in ("store.sqlite", INDEX))
    measured = measure_pages(chosen.out, chosen.episodes)
    report = write_report(measured, chosen.episodes, indexing, (sizes[0], sizes[1]))
    print(report)
    if chosen.report:
        chosen.report.write_text(report, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
