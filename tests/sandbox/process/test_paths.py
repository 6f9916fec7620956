"""What a child can find out of where selfchal is installed and who runs it: nothing."""

from __future__ import annotations

import getpass
import os
from pathlib import Path

import pytest

import selfchal
from selfchal.core.sandbox import Limits, Program, Sandbox
from tests.sandbox.conftest import Sandboxes

_ROOT = str(Path(selfchal.__file__).parent.parent)
# Collects every text in its process that could name a path.
_COLLECT = """
import gc, os, sys, traceback
found = set()
def note(value):
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    if isinstance(value, str) and len(value) < 50_000:
        found.add(value.encode("ascii", "replace").decode())
def note_files():
    for name in ("cmdline", "environ", "maps", "stat", "mountinfo", "cwd", "exe"):
        for read in (lambda path: open(path, "rb").read(), os.readlink):
            try:
                note(read(f"/proc/self/{name}"))
            except OSError:
                pass
def note_objects():
    for thing in [*gc.get_objects(), *map(vars, list(sys.modules.values()))]:
        if hasattr(thing, "__code__"):
            note(thing.__code__.co_filename)
        if isinstance(thing, (dict, list, tuple, set)):
            for item in list(thing.values() if isinstance(thing, dict) else thing):
                note(item)
        else:
            note(repr(getattr(thing, "__dict__", "")))
def note_frames():
    frame = sys._getframe()
    while frame:
        note(frame.f_code.co_filename)
        note(repr(frame.f_locals))
        frame = frame.f_back
def collect():
    for value in (*sys.argv, *sys.orig_argv, *sys.path, sys.executable, *os.environ.values(), os.getcwd()):
        note(value)
    note_files()
    note_objects()
    note_frames()
    try:
        tool(object())
    except TypeError as error:
        note(traceback.format_exc())
        note(error.__traceback__.tb_next.tb_frame.f_code.co_filename)
    return [text for text in found if "/" in text]
"""


class _Tool:
    tool_names = ("tool",)

    def call(self, *_: object) -> object:
        raise AssertionError("its arguments are no JSON")


@pytest.fixture(params=["process-A", "process-B", "process-C", "docker"])
def walled(request: pytest.FixtureRequest, sandboxes: Sandboxes) -> Sandbox:
    return sandboxes.get(request.param)


def _collect(sandbox: Sandbox) -> list[str]:
    limits = Limits(seconds=20.0, value=32 * 2**20)
    execution = sandbox.run(Program(_COLLECT, call="collect"), _Tool(), limits)  # type: ignore[arg-type]  # never called
    assert execution.ok, execution.error
    assert isinstance(execution.value, list)
    assert len(execution.value) > 100  # the modules of the standard library have paths
    return execution.value


def test_a_child_cannot_tell_where_selfchal_is_installed(walled: Sandbox) -> None:
    told = [text for text in _collect(walled) if _ROOT in text or "selfchal/" in text]
    assert told == []


def test_a_child_cannot_tell_who_runs_it(walled: Sandbox) -> None:
    """Where Python is not installed in that user's folder: whoever imports its library can see where it lies."""
    user = getpass.getuser()
    python = os.path.realpath(os.__file__)
    if user in python or len(user) < 5:
        pytest.skip(f"{user!r} is in the path of Python's own library ({python}), or too short to look for")
    assert [text for text in _collect(walled) if user in text] == []
