"""States that lie on disk, in a private copy: a file (with what a database keeps beside it), or a directory.

A copy is not made for each world. There is one for each process, and it is brought from one saved state to
another by writing the files that differ.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from selfchal.builtin_envs.mcp.snapshot import Snapshot, make_snapshot
from selfchal.builtin_envs.mcp.views import view_file
from selfchal.core.errors import EnvironmentDataError
from selfchal.core.world import Json

_BESIDE = ("", "-wal", "-journal")  # what SQLite writes beside a database
_MOST_FILES = 20_000
_MOST_BYTES = 256 * 2**20
_LINK = b"\x00link "  # stands before the target of a symbolic link
_WRITTEN_NS = 946_684_800_000_000_000  # the time (of the year 2000) that every file here is given
_DIRECTORY = b"\x00directory"  # stands for a folder among the files

Content = Mapping[str, bytes]  # by path relative to the state's own; "" is the file itself
_Stamp = tuple[int, int, int]  # when it was written, how large it is, which file it is


@dataclass
class PrivateCopy:
    """Where the state of one process lies, and what is known to lie there.

    Every file is given one and the same time once it is read or written. A file with another time was
    written since, however coarse the clock of the file system is, and tools that show the time of a file
    show the same in every world.
    """

    path: Path
    is_file: bool
    content: dict[str, bytes] = field(default_factory=dict)
    _stamps: dict[str, _Stamp] = field(default_factory=dict)

    def write(self, content: Content) -> None:
        """Bring the copy to this content. Only what differs from what is known to be there is touched."""
        self.read()
        for name in sorted(self.content.keys() - content.keys(), reverse=True):
            self._remove(name)
        for name in sorted(content):
            if self.content.get(name) != content[name]:
                self._write_one(name, content[name])
        self.content = dict(content)
        self._stamps = self._set_times()

    def read(self) -> dict[str, bytes]:
        """What lies there now; files that were not written since they were read are not read again."""
        stamps = self._list_stamps()
        if stamps != self._stamps:
            self.content = {
                name: self.content[name]
                if self._stamps.get(name) == stamp and name in self.content
                else self._read_one(name)
                for name, stamp in stamps.items()
            }
            self._stamps = self._set_times()
        return self.content

    def _set_times(self) -> dict[str, _Stamp]:
        """Give every file the time; what the files look like afterwards."""
        for name, (time, size, _) in self._list_stamps().items():
            if size >= 0 and time != _WRITTEN_NS:
                os.utime(self._find(name), ns=(_WRITTEN_NS, _WRITTEN_NS), follow_symlinks=False)
        return self._list_stamps()

    def _list_stamps(self) -> dict[str, _Stamp]:
        if self.is_file:
            stamps = {name: _find_stamp(f"{self.path}{name}") for name in _BESIDE}
            return {name: stamp for name, stamp in stamps.items() if stamp is not None}
        found: dict[str, _Stamp] = {}
        for folder, folders, files in os.walk(self.path):
            for name in files:
                path = os.path.join(folder, name)
                found[os.path.relpath(path, self.path)] = _stamp(os.lstat(path))
            for name in folders:
                found[os.path.relpath(os.path.join(folder, name), self.path)] = (0, -1, 0)
        return found

    def _find(self, name: str) -> Path:
        return Path(f"{self.path}{name}") if self.is_file else self.path / name

    def _read_one(self, name: str) -> bytes:
        path = self._find(name)
        if path.is_symlink():
            return _LINK + os.readlink(path).encode()
        return _DIRECTORY if path.is_dir() else path.read_bytes()

    def _write_one(self, name: str, content: bytes) -> None:
        path = self._find(name)
        self._remove(name)  # what lies there may be of another kind
        if content == _DIRECTORY:
            path.mkdir(parents=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            if content.startswith(_LINK):
                path.symlink_to(content.removeprefix(_LINK).decode())
            else:
                path.write_bytes(content)

    def _remove(self, name: str) -> None:
        path = self._find(name)
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _find_stamp(path: str) -> _Stamp | None:
    """None where there is no such file. Looked at with every call, hence no ``Path``."""
    try:
        return _stamp(os.stat(path))
    except FileNotFoundError:
        return None


def _stamp(status: os.stat_result) -> _Stamp:
    return status.st_mtime_ns, status.st_size, status.st_ino


def load(path: Path, is_file: bool) -> dict[str, bytes]:
    """The user's own state, which is read and never written. Raises EnvironmentDataError."""
    if is_file and path.is_dir():
        raise EnvironmentDataError(f"{path} is a directory; declare it as directory")
    if not is_file and not path.is_dir():
        raise EnvironmentDataError(f"{path} is no directory: make it, with what the tasks shall be about")
    content = PrivateCopy(path, is_file).read()
    size = sum(map(len, content.values()))
    if len(content) > _MOST_FILES or size > _MOST_BYTES:
        raise EnvironmentDataError(
            f"{path} holds {len(content):,} files and {size / 2**20:.0f} MiB; a state may have "
            f"{_MOST_FILES:,} and {_MOST_BYTES // 2**20}: name a smaller one"
        )
    return content


def snapshot_of(content: Content, name: str, is_file: bool, ignore: tuple[str, ...]) -> Snapshot:
    """``name``: of the file or directory, which decides how it is read."""
    digest = hashlib.sha256()
    for path in sorted(content):
        digest.update(f"{path}\0{len(content[path])}\0".encode("utf-8", "surrogateescape"))
        digest.update(content[path])
    view = _view_one(content, name) if is_file else _view_tree(content)
    return make_snapshot(digest.hexdigest(), view, content, ignore)


def _view_one(content: Content, name: str) -> Json:
    if not content:
        return None
    if content.get("-wal"):
        return view_file(_checkpoint(content), name)
    return view_file(content.get("", b""), name)


def _checkpoint(content: Content) -> bytes:
    """The database with its write-ahead log worked in, made from copies."""
    import sqlite3
    import tempfile
    from contextlib import closing

    with tempfile.TemporaryDirectory(prefix="selfchal-mcp-") as folder:
        path = Path(folder) / "database"
        for name, data in content.items():
            Path(f"{path}{name}").write_bytes(data)
        with closing(sqlite3.connect(path)) as database:
            return database.serialize()


def _view_tree(content: Content) -> Json:
    return {
        path: "directory" if data == _DIRECTORY else view_file(data, path)
        for path, data in sorted(content.items())
    }
