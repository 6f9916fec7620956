"""A pytest plugin for authors of plugins: what their tests need of a run, small enough for a laptop.

``addopts = "-p selfchal.testing.fixtures"`` in pyproject.toml loads it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import selfchal
from selfchal.core.world import Json
from selfchal.plugins.plugin_files import FILES_VARIABLE
from selfchal.testing import toys
from selfchal.testing.endpoint import SayInChat, serve_oracle, serve_turns
from selfchal.testing.in_process import InProcessSandbox
from selfchal.testing.scripted import ScriptedModel, make_challenger

if TYPE_CHECKING:
    from selfchal.testing.conformance.game import TinyModel


@pytest.fixture
def toy_environment() -> type[Any]:
    """An environment class: a shelf of books, with tools that read and write and with held-out tasks."""
    return toys.ToyShelf


@pytest.fixture
def toy_task() -> dict[str, Json]:
    """A task of the toy environment that the judge keeps, as a row with its parts."""
    return dict(toys.TOY_TASK)


@pytest.fixture
def toy_model() -> TinyModel:
    """A tiny network that a trainer teaches a game of one token in seconds. Needs torch."""
    pytest.importorskip("torch")
    from selfchal.testing.conformance.game import TinyModel

    return TinyModel()


@pytest.fixture
def in_process_sandbox() -> InProcessSandbox:
    """A sandbox that keeps nothing out and starts no process: for code that the test itself wrote."""
    return InProcessSandbox()


@pytest.fixture
def scripted_challenger() -> Callable[[Mapping[str, Json]], ScriptedModel]:
    """A function that makes a model which proposes one task, whatever it is told."""
    return make_challenger


@pytest.fixture
def scripted_endpoint() -> Iterator[Callable[[SayInChat], str]]:
    """A function that starts an OpenAI-compatible endpoint and gives its address; it ends with the test.

    What the endpoint answers is what the given function says to a list of messages.
    """
    with ExitStack() as stack:
        yield lambda say: stack.enter_context(serve_turns(say))


@pytest.fixture
def temporary_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., selfchal.RunView]:
    """A function that makes a whole run in the test's folder and gives a view of it, as ``open_run`` does.

    The run makes one task of the toy environment and measures; nothing is trained. Its model is an endpoint
    that knows the solutions, and says ``proposal`` where a task is wanted. Sections of the manifest that are
    given by name take the place of its own.
    """
    monkeypatch.setenv(FILES_VARIABLE, os.environ.get(FILES_VARIABLE, ""))  # a manifest's plugins end in it

    def make(proposal: Mapping[str, Json] | str = toys.TOY_TASK, **sections: Any) -> selfchal.RunView:
        with serve_oracle(selfchal.open_environment(toys.ToyShelf), proposal) as address:
            manifest = {
                "run": {"name": "temporary"},
                "plugins": [toys.__file__],
                "environment": {"name": "toy_shelf"},
                "model": {"name": "openai", "base_url": address, "model": "scripted"},
                "challenge": {"tasks": 1, "proposals": 1},
                "evaluation": {"samples": 1},
            }
            selfchal.run(selfchal.load_manifest(manifest | sections), tmp_path / "run")
        return selfchal.open_run(tmp_path / "run")

    return make
