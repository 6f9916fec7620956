"""The docker sandbox's containers: their locks, and that none outlives its host. Needs an engine."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from selfchal.core.errors import SandboxUnavailableError
from selfchal.core.sandbox import Level, Limits, Program, Sandbox, Status
from selfchal.sandbox.docker import container as containers
from selfchal.sandbox.docker.image import LABEL
from selfchal.sandbox.docker.sandbox import DockerConfig, DockerSandbox
from tests.sandbox.conftest import Sandboxes

LIMITS = Limits(seconds=30.0)
_HOST = (
    "import time\n"
    "from selfchal.core.sandbox import Limits, Program\n"
    "from selfchal.sandbox.docker.sandbox import DockerConfig, DockerSandbox\n"
    "sandbox = DockerSandbox(DockerConfig(image='host', containers=1))\n"
    "print(sandbox._get_container(0).id, flush=True)\n"
    "sandbox.run(Program('while True: pass'), None, Limits(seconds=60))\n"
)


@pytest.fixture
def docker(sandboxes: Sandboxes) -> Sandbox:
    return sandboxes.get("docker")


@pytest.fixture
def client(docker: Sandbox) -> Iterator[Any]:
    """A client of the engine that ``docker`` runs on."""
    import docker as sdk

    client = sdk.from_env()
    yield client
    client.close()


def test_every_lock_of_the_engine_is_on(docker: DockerSandbox, client: Any) -> None:
    told = client.api.inspect_container(docker._get_container(0).id)
    host = told["HostConfig"]
    assert (host["NetworkMode"], host["ReadonlyRootfs"], host["CapDrop"]) == ("none", True, ["ALL"])
    assert (told["Config"]["User"], host["IpcMode"], host["Binds"]) == ("65534:65534", "none", None)
    assert host["SecurityOpt"] == ["no-new-privileges:true"]  # and with it the engine's own seccomp profile
    assert not host["Privileged"]
    assert host["Memory"] == host["MemorySwap"] > 0
    assert host["PidsLimit"] > 0
    assert not told["Mounts"]
    assert docker.guarantees.missing(Level.FULL) == []


def test_a_host_that_is_killed_leaves_no_container(client: Any) -> None:
    host = subprocess.Popen([sys.executable, "-c", _HOST], stdout=subprocess.PIPE, text=True)
    assert host.stdout is not None
    name = host.stdout.readline().strip()
    assert _exists(client, name)
    host.kill()
    host.wait()
    host.stdout.close()
    deadline = time.monotonic() + 30
    while _exists(client, name) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not _exists(client, name)


def test_containers_of_dead_hosts_are_removed_and_others_are_not(docker: DockerSandbox, client: Any) -> None:
    """Only where the engine itself was stopped at the wrong moment can a container outlive its host."""
    image = docker._image
    dead, living = (_left_behind(client, image, owner) for owner in (_a_dead_owner(), _this_owner()))
    try:
        containers.remove_orphans(client)
        assert not _exists(client, dead)
        assert _exists(client, living)
    finally:
        client.api.remove_container(living, force=True)


def test_a_container_that_dies_is_no_verdict(client: Any) -> None:
    with DockerSandbox(DockerConfig(image="host", containers=1)) as sandbox:
        first = sandbox._get_container(0).id
        client.api.kill(first)
        execution = sandbox.run(Program("result = 1"), None, LIMITS)
        assert (execution.status, execution.value) == (Status.OK, 1)
        assert sandbox._get_container(0).id != first


def test_closing_removes_the_containers(client: Any) -> None:
    sandbox = DockerSandbox(DockerConfig(image="host", containers=1))
    name = sandbox._get_container(0).id
    sandbox.close()
    assert not _exists(client, name)


def test_no_engine_is_said_with_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    pytest.importorskip("docker")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    with pytest.raises(SandboxUnavailableError, match="start Docker or Podman"):
        DockerSandbox(DockerConfig())


def test_a_runtime_that_the_engine_lacks_is_refused(docker: Sandbox) -> None:
    with pytest.raises(SandboxUnavailableError, match="no-such-runtime"):
        DockerSandbox(DockerConfig(image="host", containers=1, runtime="no-such-runtime"))


def _exists(client: Any, name: str) -> bool:
    return any(container["Id"] == name for container in client.api.containers(all=True))


def _left_behind(client: Any, image: str, owner: str) -> str:
    labels = {LABEL: "sandbox", containers.OWNER_LABEL: owner}
    return str(client.api.create_container(image, ["python3"], labels=labels)["Id"])


def _a_dead_owner() -> str:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return f"{os.uname().nodename}:{ended.pid}:1"


def _this_owner() -> str:
    return containers.owner_of_this_process()
