"""Packs what `FROM python:3.12-slim` of an exported Harbor task asks for, out of this machine's own files.

python -m tests.support.harbor_image SITE FILE

For machines that reach no registry of images: the Python that runs this, the packages in SITE, and the shell
commands that Harbor calls in a container. FILE is a tar archive for `podman import`.
"""

from __future__ import annotations

import io
import os
import shutil
import sys
import sysconfig
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from selfchal.sandbox.docker.image import add_host_python, list_libraries

COMMANDS = (
    *("bash", "sh", "cat", "chmod", "chown", "cp", "dirname", "env", "find", "head", "id", "ls", "mkdir"),
    *("mktemp", "mv", "rm", "sleep", "stat", "tail", "tar", "tee", "test", "touch", "true", "uname"),
)
ACCOUNTS = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/:/bin/sh\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
}
START = "#!{python}\nimport runpy\nrunpy.run_module({name!r}, run_name='__main__', alter_sys=True)\n"


class OnceArchive(tarfile.TarFile):
    """Leaves out what it holds already: programs and extensions share libraries."""

    def addfile(self, tarinfo: tarfile.TarInfo, fileobj: IO[bytes] | None = None) -> None:
        if tarinfo.name not in self.__dict__.setdefault("held", set()):
            self.__dict__["held"].add(tarinfo.name)
            super().addfile(tarinfo, fileobj)


def pack(site: Path, file: Path) -> None:
    programs = [found for name in COMMANDS if (found := shutil.which(name))]
    extensions = [str(path) for path in site.rglob("*.so*") if path.is_file()]
    with OnceArchive.open(file, "w") as tar:
        add_host_python(tar)
        for path in programs:
            tar.add(os.path.realpath(path), f"usr/bin/{os.path.basename(path)}")
        for library in sorted(list_libraries([*programs, *extensions])):
            if not library.startswith(str(site)):  # some packages bring libraries of their own
                tar.add(os.path.realpath(library), library)
        tar.add(site, sysconfig.get_path("purelib", vars={"base": sys.base_prefix}))
        for info, text in _list_small_parts():
            tar.addfile(info, io.BytesIO(text.encode()))


def _list_small_parts() -> Iterator[tuple[tarfile.TarInfo, str]]:
    python = os.path.realpath(getattr(sys, "_base_executable", "") or sys.executable)
    starts = {f"usr/local/bin/{name}": START.format(python=python, name=name) for name in ("pip", "selfchal")}
    for name, text in {**ACCOUNTS, **starts}.items():
        info = tarfile.TarInfo(name)
        info.size, info.mode = len(text), 0o755
        yield info, text
    for folder, mode in (("tmp", 0o1777), ("var/tmp", 0o1777), ("root", 0o700)):
        info = tarfile.TarInfo(folder)
        info.type, info.mode = tarfile.DIRTYPE, mode
        yield info, ""
    for name in ("bin", "sbin"):
        info = tarfile.TarInfo(name)
        info.type, info.linkname = tarfile.SYMTYPE, f"usr/{name}"
        yield info, ""


if __name__ == "__main__":
    pack(Path(sys.argv[1]).resolve(), Path(sys.argv[2]))
