"""A real Ray cluster of three nodes on one machine, each in a network namespace with an address of its own.

python benchmarks/ray_cluster.py

Needs Linux, root and `ip`. The quick start, scaled down (``SMALLER``; ``--whole``: as it is), is made in
one process, then on the cluster undisturbed, then while nodes are lost: in every stage the link of one worker
node is cut, and later another one is killed with -9; a new node takes the place of each. All three must come
to the same proposals, episodes and weights. Prints what happened when, and seconds; exits with 1 where
anything differs.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import yaml

from selfchal.core.errors import StoreError
from selfchal.pipeline.context import SECRET
from selfchal.pipeline.failure import STAGE
from selfchal.pipeline.manifest import read_manifest
from selfchal.pipeline.store import Store

BRIDGE, NET, PORT = "selfchal0", "10.77.0", 6379
STORE_BYTES = str(2**27)
TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}  # without one nobody may join
QUICK_START = Path(__file__).parents[1] / "examples" / "quickstart.yaml"
SMALLER = (
    "challenge.tasks=24",
    "challenge.proposals=48",
    "trainer.steps=3",
    "trainer.tasks_per_step=8",
    "trainer.group_size=4",
    "rollout.batch=32",
    "evaluation.samples=1",
    "evaluation.tasks=12",
    "evaluation.baselines=false",
)
LATER = 20.0  # seconds between the node that is cut off and the one that is killed
STAGES = ("evaluate before", "challenge 1", "train 1", "evaluate after")  # in each of them something is lost


class Cluster:
    """Three namespaces on a bridge: a head without CPUs for scenes, and two nodes with one each."""

    def __init__(self) -> None:
        self._nodes: dict[str, subprocess.Popen[bytes]] = {}
        self._made = 0
        self._folder = tempfile.mkdtemp(prefix="ray-")  # short: sockets lie below it
        _ip("link", "add", "name", BRIDGE, "type", "bridge")
        _ip("link", "set", BRIDGE, "up")
        self.head = ""
        self.head = self.add(head=True)
        self.workers = [self.add(), self.add()]

    def add(self, *, head: bool = False) -> str:
        """A new node; its namespace's name."""
        self._made += 1
        name, address = f"selfchal{self._made}", f"{NET}.{self._made}"
        _ip("netns", "add", name)
        _ip("link", "add", f"{name}a", "type", "veth", "peer", "name", "eth0", "netns", name)
        _ip("link", "set", f"{name}a", "master", BRIDGE, "up")
        _ip("-n", name, "addr", "add", f"{address}/24", "dev", "eth0")
        _ip("-n", name, "link", "set", "eth0", "up")
        _ip("-n", name, "link", "set", "lo", "up")
        where = ["--head", f"--port={PORT}"] if head else [f"--address={NET}.1:{PORT}"]
        command = ["ray", "start", *where, f"--node-ip-address={address}", f"--num-cpus={0 if head else 1}"]
        command += [f"--object-store-memory={STORE_BYTES}", "--block", "--disable-usage-stats"]
        if head:
            command += [f"--temp-dir={self._folder}"]
        else:  # the head's folder, which nodes use, must not be shared as it is on one machine
            command = [
                "unshare",
                "-m",
                "sh",
                "-c",
                f'mount -t tmpfs none {self._folder} && exec "$@"',
                "sh",
                *command,
            ]
        self._nodes[name] = self.start(name, command, {})
        if head:
            time.sleep(5)
        return name

    def start(self, name: str, command: list[str], environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
        """A command of this Python's environment, in a namespace."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        direct = {key: value for key, value in os.environ.items() if "proxy" not in key.lower()}
        return subprocess.Popen(
            ["ip", "netns", "exec", name, *command],
            env={**direct, **TOKEN, **environ, "PATH": path},
            stdout=subprocess.DEVNULL,
            stderr=None if name == self.head and command[0] == sys.executable else subprocess.DEVNULL,
            start_new_session=True,
        )

    def cut(self, name: str) -> None:
        """Take the node's link away; what runs there goes on and reaches nobody."""
        _ip("link", "set", f"{name}a", "down")

    def kill(self, name: str) -> None:
        """Every process in the namespace, with -9."""
        listed = subprocess.run(["ip", "netns", "pids", name], stdout=subprocess.PIPE, text=True, check=False)
        for pid in listed.stdout.split():
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)

    def close(self) -> None:
        for name, process in self._nodes.items():
            self.kill(name)
            process.wait()
            subprocess.run(["ip", "netns", "del", name], check=False)
        _ip("link", "del", BRIDGE)


@contextmanager
def open_cluster() -> Iterator[Cluster]:
    """The cluster, taken down on every end."""
    cluster = Cluster()
    try:
        yield cluster
    finally:
        cluster.close()


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)


class Losses(threading.Thread):
    """In each stage of a run one worker node is cut off, and later another is killed; new ones take over."""

    def __init__(self, cluster: Cluster, run: Path) -> None:
        super().__init__(daemon=True)
        self._cluster, self._run, self._over = cluster, run, threading.Event()
        self.seen: list[tuple[str, str]] = []  # stage, and how a node was lost in it

    def run(self) -> None:
        began = time.monotonic()
        stage, since = "", 0.0
        while not self._over.wait(0.3):
            now = read_stage(self._run)
            if now != stage:
                stage, since = now, time.monotonic()
            passed = time.monotonic() - since
            if stage not in STAGES or passed < 0.7:  # let its first scenes begin
                continue
            for way, after in (("cut off", 0.0), ("killed with -9", LATER)):
                if (stage, way) not in self.seen and passed > after:
                    lost = self._cluster.workers.pop(0)
                    (self._cluster.cut if way == "cut off" else self._cluster.kill)(lost)
                    self._cluster.workers.append(self._cluster.add())
                    self.seen.append((stage, way))
                    when = time.monotonic() - began
                    print(f"{when:6.1f} s  {stage}: {lost} was {way}, a new node took its place", flush=True)

    def stop(self) -> None:
        self._over.set()
        self.join()


def read_stage(directory: Path) -> str:
    """The stage that a run is in; empty before it has begun."""
    try:
        with Store.read(directory) as store:
            return str(store.fact(STAGE, ""))
    except StoreError:
        return ""


def digest(directory: Path) -> dict[str, str]:
    """What a run came to: proposals, episodes by purpose, weights, each as a hash."""
    found = {}
    with Store.read(directory) as store:
        rows: dict[str, list[Any]] = {
            "proposals": [(p.raw, str(p.verdict.outcome), p.verdict.reason) for p in store.proposals()]
        }
        for purpose in ("challenge", "train", "evaluate"):
            episodes = [(key, e) for key in store.keys(purpose) for e in store.episodes(purpose, key)]
            rows[f"{purpose} episodes"] = [
                (key, e.task, e.sample, e.ids, e.answer, e.reward, str(e.end)) for key, e in episodes
            ]
    for name, values in rows.items():
        found[name] = f"{len(values)} of {hashlib.sha256(repr(values).encode()).hexdigest()[:12]}"
    weights = (directory / "checkpoints/round_1/final/model.safetensors").read_bytes()
    found["weights"] = hashlib.sha256(weights).hexdigest()[:12]
    return found


def make_run(cluster: Cluster | None, folder: Path, name: str) -> tuple[dict[str, str], float]:
    """Of the manifest, here or from the cluster's head; what came of it, and seconds."""
    changes = () if "--whole" in sys.argv[1:] else SMALLER
    rows, out = read_manifest(QUICK_START, [*changes, f"run.name={name}"]), folder / name
    if cluster:
        rows["engine"] = {"name": "ray", "address": f"{NET}.1:{PORT}", "workers": 2, "patience": 120}
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(rows), encoding="utf-8")
    program = f"from benchmarks.ray_cluster import run_it; run_it({str(folder / name)!r})"
    command = [sys.executable, "-c", program]
    started = time.monotonic()
    if cluster:
        process = cluster.start(cluster.head, command, {"OMP_NUM_THREADS": "1"})
    else:
        process = subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"})
    if process.wait() != 0:
        sys.exit(f"the run {name} failed: {out}")
    return digest(out), time.monotonic() - started


def run_it(out: str) -> None:
    """In a process of its own: the manifest beside ``out``, with a secret that all three runs share."""
    import selfchal
    from selfchal.pipeline import context

    def keep_secret(store: Store) -> str:
        store.put_fact(SECRET, "the same in all runs")
        return "the same in all runs"

    context._keep_secret = keep_secret
    selfchal.run(f"{out}.yaml", out)


def print_nodes(directory: Path) -> None:
    """What each node did, and how much its workers printed."""
    with Store.read(directory) as store:
        for node, work in store.fact("nodes").items():
            print(f"{node:12} {work['orders']:5} orders, busy for {work['seconds']:.0f} s")
    logs = sorted((directory / "logs").glob("*.log"))
    print(f"{len(logs)} logs, such as {logs[0].name if logs else 'none'}")


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="selfchal-nodes-") as name:
        folder = Path(name)
        here, seconds = make_run(None, folder, "here")
        print(f"in one process: {seconds:.0f} s")
        with open_cluster() as cluster:
            undisturbed, seconds = make_run(cluster, folder, "undisturbed")
            print(f"on three nodes: {seconds:.0f} s")
            losses = Losses(cluster, folder / "disturbed")
            losses.start()
            disturbed, seconds = make_run(cluster, folder, "disturbed")
            losses.stop()
            print(f"on three nodes, {len(losses.seen)} of them lost: {seconds:.0f} s")
        print_nodes(folder / "disturbed")
    for what, value in here.items():
        same = value == undisturbed[what] == disturbed[what]
        print(f"{what:20} {value:24} {'the same in all three' if same else 'DIFFERENT'}")
    return int(not here == undisturbed == disturbed or len(losses.seen) < 2 * len(STAGES))


if __name__ == "__main__":
    sys.exit(main())
