"""A run whose trainer ranks an engine starts: this process waits, and the first rank makes the run.

The first rank is a process of its own (``first_rank``), so that it can begin again where another one was
lost. It gets the run's arguments pickled, and leaves its error in a file.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from selfchal.core.errors import EngineError, ManifestError
from selfchal.core.world import Json
from selfchal.hosting import Ranks, StartsRanks
from selfchal.pipeline.collecting import Rewrite
from selfchal.pipeline.distributed import follow
from selfchal.pipeline.manifest import Manifest
from selfchal.pipeline.store import RESULTS
from selfchal.processes import is_launched

PROGRAM = "from selfchal.api.first_rank import main; main()"


@dataclass(frozen=True)
class LaunchedRun:
    """What ``selfchal.api.running.run`` is called with in the first rank."""

    manifest: Manifest
    directory: Path
    resume: bool
    watch: tuple[Any, ...]
    rewrite: Rewrite | None


@dataclass(frozen=True)
class Start:
    """``run`` is a pickled ``LaunchedRun``, to be read with this ``path``."""

    path: tuple[str, ...]
    run: bytes
    error: Path


def find_launcher(manifest: Manifest) -> StartsRanks | None:
    """The engine, where it is to start ranks and none of them runs here."""
    if is_launched():
        return None
    engine = manifest.engine.make()
    return engine if isinstance(engine, StartsRanks) and engine.ranks > 1 else None


def launch(engine: StartsRanks, run: LaunchedRun) -> dict[str, Json]:
    """Let the engine start the ranks; what results.json says in the end. Raises what the run raises."""
    if run.manifest.trainer is None:
        raise ManifestError("engine.ranks are processes that train, and the manifest has no trainer")
    splits = getattr(run.manifest.trainer.config, "parallel", None) == "shard"
    run.directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="selfchal-first-rank-") as folder, closing(engine):  # type: ignore[type-var]  # an engine closes
        error = Path(folder) / "error"
        lead = partial(_start_first, run, error)
        ranks = Ranks(lead, partial(follow, run.manifest), run.directory.resolve(), splits)
        code = engine.start(ranks)
        if code != 0:
            with contextlib.suppress(OSError):  # there is something in it
                run.directory.rmdir()
            raise _read_error(error, code)
    found: dict[str, Json] = json.loads((run.directory / RESULTS).read_text(encoding="utf-8"))
    return found


def _start_first(
    run: LaunchedRun, error: Path, environment: Mapping[str, str], again: bool
) -> subprocess.Popen[bytes]:
    wanted = LaunchedRun(run.manifest, run.directory, run.resume or again, run.watch, run.rewrite)
    try:
        start = pickle.dumps(Start(tuple(sys.path), pickle.dumps(wanted), error))
    except (pickle.PicklingError, AttributeError, TypeError) as fault:
        raise EngineError(
            f"with engine.ranks the run is made in another process, and what was given to it cannot go there "
            f"({fault}): give watchers by name, and rewrite as a function of a module"
        ) from fault
    error.unlink(missing_ok=True)
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, env={**os.environ, **environment}
    )
    assert process.stdin is not None
    try:
        process.stdin.write(start)
        process.stdin.close()
    except BrokenPipeError:
        pass  # it has ended already, which whoever watches it will see
    return process


def _read_error(file: Path, code: int) -> Exception:
    try:
        found: Exception = pickle.loads(file.read_bytes())
    except (OSError, EOFError, pickle.UnpicklingError):
        return EngineError(
            f"the first rank of the training ended with code {code}; what it said stands above"
        )
    return found
