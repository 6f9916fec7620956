"""Trainer ranks on a Ray cluster: the first is a process on this machine, the others are actors.

They meet as if torchrun had started them. A collective operation that a rank never joins cannot be mended
from within, least of all on GPUs, so where one is lost all of them end and begin again: the run goes on from
its last checkpoint, as it does after `--resume`.
"""

from __future__ import annotations

import logging
import os
import socket
import struct
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from selfchal.builtin_engines.ray_connection import RAY_ADDRESS, get_or_lose
from selfchal.builtin_engines.ray_reservation import ActorHost, RayReservation
from selfchal.core.errors import EngineError, SelfchalError
from selfchal.hosting import MENDABLE, HostLostError, Leading, Ranks

log = logging.getLogger(__name__)

MOST_LOSSES = 3  # in a row without a new checkpoint between
LOOK_AGAIN = 0.2  # seconds
TELLS = 10.0  # seconds in which Ray tells of a lost rank after the others have noticed it
CHECKPOINTS = "checkpoints/*/*"  # in the run's directory
INTERFACE = "GLOO_SOCKET_IFNAME"
_ASK_ADDRESS = 0x8915  # SIOCGIFADDR of Linux


class RankHolder:
    """On the node: what a rank is started with, and its life, unless it is the first."""

    def find_gpus(self) -> str | None:
        """As CUDA calls them; None where none were set aside."""
        return os.environ.get("CUDA_VISIBLE_DEVICES")

    def sees(self, directory: str) -> bool:
        return Path(directory).is_dir()

    def follow(self, ranks: Any, environment: Mapping[str, str], address: str) -> None:
        os.environ.update({**environment, **find_interface(address)})
        ranks()


def find_interface(address: str) -> dict[str, str]:
    """The variable that tells gloo which network this address is in; it would take the host's name for it."""
    import fcntl

    if INTERFACE in os.environ:
        return {}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, name in socket.if_nameindex():
            asked = struct.pack("256s", name.encode()[:15])
            try:
                answer = fcntl.ioctl(probe.fileno(), _ASK_ADDRESS, asked)
            except OSError:  # an interface without an address
                continue
            if socket.inet_ntoa(answer[20:24]) == address:
                return {INTERFACE: name}
    return {}


class RankLostError(EngineError):
    """A rank ended before its time."""


@dataclass
class RankGroup:
    """So many ranks with so many GPUs each."""

    count: int
    gpus: float
    patience: float
    ranks: Ranks
    _losses: int = 0  # in a row
    _seen: set[str] = field(default_factory=set)  # checkpoints at the last loss

    def run_to_the_end(self) -> int:
        """The exit code of the first rank. Raises EngineError where ranks are lost again and again."""
        again = False
        while True:
            with closing(self._reserve()) as reservation:
                try:
                    return self._run_once(reservation, again)
                except (RankLostError, HostLostError) as error:
                    self._count_loss(error)
            again = True

    def _reserve(self) -> RayReservation:
        import ray

        here = str(ray.util.get_node_ip_address())  # type: ignore[no-untyped-call]  # Ray types it not
        return RayReservation(self.count, self.gpus, self.patience, {f"node:{here}": 0.001})

    def _count_loss(self, error: EngineError) -> None:
        checkpoints = {str(path) for path in self.ranks.directory.glob(CHECKPOINTS)}
        self._losses = 1 if checkpoints - self._seen else self._losses + 1
        self._seen = checkpoints
        if self._losses >= MOST_LOSSES:
            raise EngineError(
                f"ranks of the training were lost {self._losses} times and no checkpoint between: {error}; "
                "`ray logs` has what they said"
            ) from error
        log.warning("a rank of the training was lost, all begin again from the last checkpoint: %s", error)

    def _run_once(self, reservation: RayReservation, again: bool) -> int:
        hosts: list[ActorHost] = []
        first: Leading | None = None
        try:
            for number in range(self.count):
                hosts.append(reservation.open(number, RankHolder, lambda: False))  # noqa: PERF401 — each ends
            self._check_directory(hosts)
            environment = {"WORLD_SIZE": str(self.count), "MASTER_ADDR": hosts[0].address}
            environment["MASTER_PORT"] = str(_find_free_port(hosts[0].address))
            lives = [
                host.begin_call("follow", self.ranks.follow, {**environment, "RANK": str(rank)}, host.address)
                for rank, host in enumerate(hosts[1:], 1)
            ]
            gpus = hosts[0].call("find_gpus") if self.gpus else None
            mine = {**environment, "RANK": "0", **find_interface(hosts[0].address), **_find_ray()}
            first = self.ranks.lead({**mine, **({"CUDA_VISIBLE_DEVICES": gpus} if gpus else {})}, again)
            return _watch(first, lives)
        finally:
            if first is not None and first.poll() is None:
                first.kill()
                first.wait()
            for host in hosts:
                host.close()

    def _check_directory(self, hosts: list[ActorHost]) -> None:
        directory = self.ranks.directory
        for host in hosts if self.ranks.all_write else []:
            if not host.call("sees", str(directory)):
                raise EngineError(
                    f"the node {host.address} does not see {directory}, and every rank writes its part of a "
                    "checkpoint there (trainer.parallel: shard): name one that all nodes share (--out)"
                )


def _watch(first: Leading, lives: list[Any]) -> int:
    """The exit code of the first rank, once it has ended by itself. Raises RankLostError, HostLostError, and
    what a follower raises that a person can mend."""
    import ray

    fault, until = "", float("inf")
    while time.monotonic() < until:
        ended, lives = ray.wait(lives, num_returns=len(lives), timeout=LOOK_AGAIN) if lives else ([], [])
        fault = next(filter(None, map(_find_fault, ended)), fault)
        code = first.poll()
        if code is not None and (code == 0 or code == MENDABLE):
            return code
        if code is not None and code < 0:
            raise RankLostError(f"the first rank was ended by signal {-code}")
        if (code is not None or fault) and until == float("inf"):
            until = time.monotonic() + TELLS  # did it fail because another one was lost?
        if not lives:
            time.sleep(LOOK_AGAIN)
    if fault or code is None:
        raise RankLostError(f"a rank failed: {fault}")
    return code


def _find_fault(life: Any) -> str:
    """Why a rank has ended; empty where training was over. Raises HostLostError where it was lost, and what
    a person can mend."""
    done, value = get_or_lose(life)
    if isinstance(value, SelfchalError):
        raise value
    return "" if done else f"{type(value).__name__}: {str(value).splitlines()[0]}"


def _find_ray() -> dict[str, str]:
    """By which the first rank finds the Ray that this process uses."""
    import ray

    return {RAY_ADDRESS: ray.get_runtime_context().gcs_address}


def _find_free_port(address: str) -> int:
    with socket.socket() as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])
