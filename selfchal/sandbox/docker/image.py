"""The image of the docker sandbox: a Python and the runner, nothing else.

From the project's Dockerfile where its base image can be had; from the interpreter that runs this very
program where no registry can be reached.
"""

from __future__ import annotations

import hashlib
import io
import os
import platform
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from selfchal.core.errors import SandboxUnavailableError

REPOSITORY = "selfchal/sandbox"
LABEL = "selfchal"
_HERE = Path(__file__).parent
_RUNNER = _HERE.parent / "runner"
_LEFT_OUT = (
    "site-packages",
    "dist-packages",
    "test",
    "tests",
    "idlelib",
    "tkinter",
    "ensurepip",
    "__pycache__",
)


def ensure(client: Any, base: str | None) -> str:
    """The name of a ready image; built when it is not there yet.

    ``base`` is an image to build upon, "host" for the host's own Python, None for the Dockerfile's base
    image or, where that cannot be had, the host's Python. Raises SandboxUnavailableError.
    """
    from docker.errors import APIError, BuildError, ImageNotFound

    name = f"{REPOSITORY}:{_compute_digest(base)}"
    try:
        client.images.get(name)
        return name
    except ImageNotFound:
        pass
    try:
        if base == "host":
            return _build_from_host(client, name)
        return _build_from_dockerfile(client, name, base)
    except (APIError, BuildError) as error:
        if base is not None:
            raise SandboxUnavailableError(
                f"the sandbox image cannot be built upon {base!r}: {error}"
            ) from error
        return ensure(client, "host")


def _compute_digest(base: str | None) -> str:
    """Changes with the runner's source, the Dockerfile and the interpreter."""
    content = hashlib.sha256(f"{base} {sys.version} {sys.base_prefix} {platform.machine()}".encode())
    for file in [*sorted(_RUNNER.glob("*.py")), _HERE / "Dockerfile"]:
        content.update(file.read_bytes())
    return content.hexdigest()[:16]


def _build_from_dockerfile(client: Any, name: str, base: str | None) -> str:
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as tar:
        tar.add(_HERE / "Dockerfile", "Dockerfile")
        _add_runner(tar)
    context.seek(0)
    arguments = {"BASE": base} if base else {}
    client.images.build(
        fileobj=context,
        custom_context=True,
        tag=name,
        buildargs=arguments,
        rm=True,
        labels={LABEL: "sandbox"},
    )
    return name


def _build_from_host(client: Any, name: str) -> str:
    if sys.platform != "linux":
        raise SandboxUnavailableError(
            "the Python of this machine cannot run in a Linux container, and python:3.11-slim cannot be had; "
            "name a local image with Python 3.11 or later as 'image' in the sandbox section"
        )
    repository, tag = name.split(":")
    changes = ["USER 65534:65534", "WORKDIR /", f"LABEL {LABEL}=sandbox"]
    with tempfile.NamedTemporaryFile(suffix=".tar") as file:
        with tarfile.open(fileobj=file, mode="w") as tar:
            add_host_python(tar)
            _add_runner(tar)
        file.flush()
        file.seek(0)
        client.api.import_image_from_data(file, repository=repository, tag=tag, changes=changes)
    return name


def _add_runner(tar: tarfile.TarFile) -> None:
    for file in sorted(_RUNNER.glob("*.py")):
        tar.add(file, f"app/runner/{file.name}", filter=_own_by_root)


def add_host_python(tar: tarfile.TarFile) -> None:
    """The interpreter, its standard library and every shared library that they need, at their own paths."""
    executable = os.path.realpath(getattr(sys, "_base_executable", "") or sys.executable)
    stdlibs = {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")}
    for path in sorted(stdlibs):
        tar.add(path, path, filter=_skip_ballast)
    extensions = [str(file) for path in stdlibs for file in Path(path, "lib-dynload").glob("*.so")]
    for library in sorted(list_libraries([executable, *extensions])):
        tar.add(os.path.realpath(library), library, filter=_own_by_root)
    tar.add(executable, executable, filter=_own_by_root)
    for symlink, target in (("usr/bin/python3", executable), *_list_merged_links()):
        info = tarfile.TarInfo(symlink)
        info.type, info.linkname = tarfile.SYMTYPE, target
        tar.addfile(info)


def _list_merged_links() -> list[tuple[str, str]]:
    """Where /lib and /lib64 are links into /usr, the dynamic loader is looked for through them."""
    return [(name, os.readlink(f"/{name}")) for name in ("lib", "lib64") if os.path.islink(f"/{name}")]


def list_libraries(files: list[str]) -> set[str]:
    """What ldd says, with links in the folders' names resolved."""
    told = subprocess.run(["ldd", *files], capture_output=True, text=True, check=False).stdout
    words = [word for line in told.splitlines() if not line.endswith(":") for word in line.split()]
    found = {word for word in words if word.startswith("/") and os.path.exists(word)}
    return {os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path)) for path in found}


def _own_by_root(info: tarfile.TarInfo) -> tarfile.TarInfo:
    info.uid = info.gid = 0
    info.uname = info.gname = "root"
    info.mode |= 0o444
    return info


def _skip_ballast(info: tarfile.TarInfo) -> tarfile.TarInfo | None:
    if os.path.basename(info.name) in _LEFT_OUT or info.name.endswith((".a", ".pyc")):
        return None
    if info.isdir():
        info.mode |= 0o111
    return _own_by_root(info)
