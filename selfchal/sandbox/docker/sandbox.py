"""``sandbox: {name: docker}``: the process sandbox's runner behind a container's walls as well."""

from __future__ import annotations

import contextlib
import itertools
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from selfchal.core.errors import SandboxUnavailableError
from selfchal.core.requirement import Requirement
from selfchal.core.sandbox import GUARANTEES, Guarantees, Level
from selfchal.sandbox.channel_sandbox import ChannelSandbox, cores
from selfchal.sandbox.docker import image
from selfchal.sandbox.docker.container import (
    Container,
    ContainerOptions,
    owner_of_this_process,
    remove_orphans,
)
from selfchal.sandbox.protocol import InfrastructureError
from selfchal.sandbox.sessions import SessionChannel


class DockerConfig(BaseModel):
    """Options of the docker sandbox; every one may be left out.

    The engine is found as ``docker`` finds it (DOCKER_HOST, or the default socket; Podman's works too).
    """

    model_config = ConfigDict(extra="forbid")

    require: Level = Field(Level.PARTIAL, description="refuse to run when any guarantee is below this level")
    image: str | None = Field(
        None,
        description="image with Python 3.11 or later to build upon, or 'host' for a copy of this machine's "
        "Python; none: python:3.11-slim, or 'host' where no registry can be reached",
    )
    runtime: str | None = Field(None, description="another runtime of the engine, such as runsc (gVisor)")
    containers: int = Field(0, ge=0, le=1_000, description="how many containers; 0: one for each core")
    parallel: int = Field(
        0, ge=0, le=10_000, description="executions at the same time; 0: two for each container"
    )
    memory: int = Field(
        2 * 2**30, ge=2**28, le=2**44, description="bytes of memory that one container may use"
    )
    clock: float | None = Field(
        None,
        ge=0,
        lt=2**33,
        description="what time the code reads, in seconds since 1970 UTC; none: the real one",
    )
    seed: int | None = Field(
        None,
        ge=0,
        lt=2**63,
        description="seed of the random module in each process; none: a fresh one",
    )


class DockerSandbox(ChannelSandbox):
    """Containers of a Docker engine, started once; executions are spread over them."""

    name: ClassVar[str] = "docker"
    Config: ClassVar[type[BaseModel]] = DockerConfig
    requires: ClassVar[tuple[Requirement, ...]] = (Requirement("docker", "selfchal[docker]"),)

    def __init__(self, config: DockerConfig) -> None:
        """Start the containers and let canary attacks loose in one.

        Raises SandboxUnavailableError where the ``docker`` package or an engine is missing, a container
        is refused, a canary gets through, or ``require`` is not met.
        """
        count = config.containers or cores()
        super().__init__(config.parallel or 2 * count)
        self._config = config
        self._client = _connect()
        self._containers: list[Container | None] = [None] * count
        self._next = itertools.cycle(range(count))
        with contextlib.ExitStack() as undo:
            undo.callback(self.close)
            self._start()
            self._prove(config.require, "another runtime")
            undo.pop_all()

    def _start(self) -> None:
        remove_orphans(self._client)
        self._image = image.ensure(self._client, self._config.image)
        try:
            tier = self._get_container(0).multiplexer.report["tier"]
        except InfrastructureError as error:
            raise SandboxUnavailableError(f"the sandbox's container does not start: {error}") from error
        self.guarantees = _describe_guarantees(tier, self._config.runtime)

    def _take(self, hash_seed: int) -> SessionChannel:
        with self._lock:
            if self._closed:
                raise InfrastructureError("the sandbox is closed")
            container = self._get_container(next(self._next))
        return container.multiplexer.open(hash_seed)

    def _get_container(self, slot: int) -> Container:
        """The container of a slot, replaced when it died."""
        container = self._containers[slot]
        if container is not None and not container.multiplexer.dead:
            return container
        if container is not None:
            container.close()
        options = ContainerOptions(
            owner=owner_of_this_process(),
            memory=self._config.memory,
            runtime=self._config.runtime,
            clock=self._config.clock,
            seed=self._config.seed,
            spares=2 * cores(),
        )
        container = self._containers[slot] = Container(self._client, self._image, options)
        return container

    def _end(self) -> None:
        for container in filter(None, self._containers):
            container.close()
        self._client.close()


def _connect() -> Any:
    try:
        import docker
    except ImportError as error:
        raise SandboxUnavailableError(
            "sandbox docker needs the docker package: pip install 'selfchal[docker]'"
        ) from error
    try:
        client = docker.from_env()
        client.ping()
    except docker.errors.DockerException as error:
        raise SandboxUnavailableError(
            f"no container engine answers ({_find_cause(error)}); start Docker or Podman, set DOCKER_HOST, "
            "or use sandbox 'process'"
        ) from error
    return client


def _find_cause(error: BaseException) -> str:
    """What the operating system said, where docker and requests wrapped it: theirs shows class names."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, OSError) and inner.strerror:
            return inner.strerror
        inner = inner.__context__
    return str(error)


def _describe_guarantees(tier: str, runtime: str | None) -> Guarantees:
    """The container walls off the host's files; what is inside is the image, which anybody may read."""
    levels = dict.fromkeys(GUARANTEES, Level.FULL)
    inside = {
        "A": "namespaces, Landlock and seccomp",
        "B": "Landlock and seccomp",
        "C": "namespaces and seccomp",
    }
    notes = (
        f"container without network, capabilities and writable files; inside it {inside.get(tier, 'seccomp')}"
    )
    return Guarantees("docker", f"{runtime or 'default'}/{tier}", levels, notes)
