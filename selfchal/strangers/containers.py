"""Containers of strangers' tasks: built and run by an engine, without a network unless the user gives one.

The engine is found as ``docker`` finds it (DOCKER_HOST, or the default socket; Podman's works too). A
container has bounded memory, processes and time, and few of root's rights. Its disk is not bounded.
"""

from __future__ import annotations

import io
import json
import secrets
import tarfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from selfchal.core.errors import SandboxUnavailableError
from selfchal.strangers.dockerfiles import adds_from_network, list_images

BUILD_SECONDS = 600.0
_MEMORY = 2 * 2**30  # bytes
_PROCESSES = 512
_RIGHTS = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "SETGID", "SETUID"]
_MOST_READ = 64 * 2**10  # bytes that are read of what a container has written
_MOST_PATIENCE = 300.0  # seconds that the engine may be silent
_KEEP_OPEN = ["sh", "-c", "while :; do sleep 3600; done"]


class BuildError(Exception):
    """A stranger's image cannot be built; the message says why."""


class TaskContainer:
    """A container that is open. What runs in it is a stranger's."""

    def __init__(self, container: Any) -> None:
        self._container = container

    def put(self, files: Mapping[str, str], folder: str) -> None:
        """Write these texts into a folder of the container, to be run by anybody."""
        packed = pack({f"{folder.strip('/')}/{name}": text.encode() for name, text in files.items()})
        self._container.put_archive("/", packed)

    def run(self, command: list[str], seconds: float) -> int | None:
        """Run a command, whose output is thrown away; its exit code, None where it ran too long."""
        quiet = ["sh", "-c", 'exec "$@" >/dev/null 2>&1', "sh", *command]
        timer = threading.Timer(seconds, self._kill)
        timer.start()
        started = time.monotonic()
        try:
            code: int | None = self._container.exec_run(quiet).exit_code
        finally:
            timer.cancel()
        return None if time.monotonic() - started >= seconds else code

    def ask(self, command: list[str], seconds: float) -> tuple[int, str] | None:
        """Run a command; its exit code and the beginning of its output, None where it ran too long."""
        api = self._container.client.api
        name = api.exec_create(self._container.id, command)["Id"]
        timer = threading.Timer(seconds, self._kill)
        timer.start()
        started, kept = time.monotonic(), b""
        try:
            for chunk in api.exec_start(name, stream=True):
                kept += chunk[: _MOST_READ - len(kept)]
        finally:
            timer.cancel()
        if time.monotonic() - started >= seconds:
            return None
        return api.exec_inspect(name)["ExitCode"], kept.decode("utf-8", "replace")

    def _kill(self) -> None:
        from docker.errors import APIError

        with suppress(APIError):  # it has ended by itself
            self._container.kill()

    def read(self, path: str) -> bytes | None:
        """The beginning of a file; None where there is no regular file."""
        from docker.errors import APIError

        try:
            stream, _ = self._container.get_archive(path)
        except APIError:
            return None
        data = b""
        for chunk in stream:
            data += chunk
            if len(data) >= _MOST_READ:
                break
        try:
            with tarfile.open(fileobj=io.BytesIO(data), mode="r|", ignore_zeros=False) as tar:
                member = tar.next()
                file = tar.extractfile(member) if member is not None and member.isreg() else None
                return file.read(_MOST_READ) if file else None
        except tarfile.TarError:
            return None


@dataclass(frozen=True)
class ContainerEngine:
    """An engine that answers. ``network`` says that strangers may use the network."""

    client: Any
    network: bool

    @contextmanager
    def build(self, files: Mapping[str, bytes], dockerfile: str) -> Iterator[str]:
        """The name of an image, built from these files, and removed at the end. Raises BuildError."""
        if not self.network:
            self._refuse_fetching(dockerfile)
        tag = f"selfchal-audit:{secrets.token_hex(8)}"
        try:
            self._build(files, tag)
            yield tag
        finally:
            self._remove_image(tag)

    def _refuse_fetching(self, dockerfile: str) -> None:
        """The engine itself would fetch images and addresses, whatever network a build has."""
        from docker.errors import APIError

        if adds_from_network(dockerfile):
            raise BuildError("its Dockerfile adds a file from the network")
        for image in list_images(dockerfile):
            try:
                self.client.images.get(image)
            except APIError:
                raise BuildError(f"its image {image[:100]} is not on this machine; pull it first") from None

    def _build(self, files: Mapping[str, bytes], tag: str) -> None:
        from docker.errors import APIError
        from requests.exceptions import RequestException

        deadline = time.monotonic() + BUILD_SECONDS
        try:
            said = self.client.api.build(
                fileobj=io.BytesIO(pack(files)),
                custom_context=True,
                tag=tag,
                rm=True,
                forcerm=True,
                decode=True,
                timeout=_MOST_PATIENCE,
                network_mode="default" if self.network else "none",
                container_limits={"memory": _MEMORY, "memswap": _MEMORY},
            )
            for row in said:
                if "error" in row:
                    raise BuildError(f"its image cannot be built: {str(row['error'])[:200]}")
                if time.monotonic() > deadline:
                    raise BuildError(f"its image is not built after {BUILD_SECONDS:.0f} seconds")
        except (APIError, RequestException) as error:
            raise BuildError(f"its image cannot be built: {str(error)[:200]}") from error

    def _remove_image(self, tag: str) -> None:
        from docker.errors import APIError

        with suppress(APIError):  # it was never made
            self.client.images.remove(tag, force=True)

    @contextmanager
    def open(self, image: str) -> Iterator[TaskContainer]:
        """A fresh container of an image, removed at the end. Raises BuildError where it does not start."""
        from docker.errors import APIError

        container = None
        try:
            container = self.client.containers.create(
                image,
                entrypoint=_KEEP_OPEN,
                command=[],
                network_mode="bridge" if self.network else "none",
                mem_limit=_MEMORY,
                memswap_limit=_MEMORY,
                pids_limit=_PROCESSES,
                cap_drop=["ALL"],
                cap_add=_RIGHTS,
                security_opt=["no-new-privileges"],
                user="0",
                init=False,
                labels={"selfchal": "audit"},
            )
            container.start()
            yield TaskContainer(container)
        except APIError as error:
            raise BuildError(f"its container cannot be used: {str(error)[:200]}") from error
        finally:
            if container is not None:
                with suppress(APIError):
                    container.remove(force=True, v=True)


@contextmanager
def open_engine(network: bool) -> Iterator[ContainerEngine]:
    """The engine of this machine. Raises SandboxUnavailableError where none answers."""
    try:
        import docker
    except ImportError:
        raise SandboxUnavailableError(
            "containers need the extra docker: pip install 'selfchal[docker]'"
        ) from None
    try:
        client = docker.from_env(timeout=int(_MOST_PATIENCE))
        client.ping()
    except docker.errors.DockerException as error:
        raise SandboxUnavailableError(
            f"no container engine answers ({str(error)[:200]}); start Docker or Podman, or set DOCKER_HOST"
        ) from error
    try:
        yield ContainerEngine(client, network)
    finally:
        client.close()


def pack(files: Mapping[str, bytes]) -> bytes:
    """A tar archive of regular files that everybody may run."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), 0o755
            tar.addfile(info, io.BytesIO(data))
    return packed.getvalue()


def read_reward(container: TaskContainer) -> float | None:
    """The reward that a verifier has written, of several the lowest; None where it is no number."""
    rows = container.read("/logs/verifier/reward.json")
    plain = container.read("/logs/verifier/reward.txt")
    try:
        if rows is None:
            return None if plain is None else float(plain.decode().strip())
        rewards = json.loads(rows)
        return float(rewards["reward"] if "reward" in rewards else min(rewards.values()))
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None
