"""The program of the first of several trainer ranks: it makes the run that ``launching`` was asked for."""

from __future__ import annotations

import pickle
import sys
import traceback

from selfchal.api.launching import LaunchedRun, Start
from selfchal.api.running import run
from selfchal.core.errors import EngineError, SelfchalError
from selfchal.hosting import MENDABLE


def main() -> None:
    """Be the first rank."""
    start: Start = pickle.load(sys.stdin.buffer)
    sys.path[:] = start.path
    wanted: LaunchedRun = pickle.loads(start.run)
    try:
        run(
            wanted.manifest,
            wanted.directory,
            resume=wanted.resume,
            watch=wanted.watch,
            rewrite=wanted.rewrite,
        )
    except KeyboardInterrupt:
        sys.exit(1)  # said by the process that waits
    except SelfchalError as error:
        start.error.write_bytes(_pickle_error(error))
        sys.exit(MENDABLE)
    except Exception as error:  # noqa: BLE001 — raised there, unless another rank was lost
        traceback.print_exc()
        start.error.write_bytes(_pickle_error(error))
        sys.exit(1)


def _pickle_error(error: Exception) -> bytes:
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # noqa: BLE001 — whatever a plugin's error does when it is pickled
        return pickle.dumps(EngineError(f"{type(error).__name__}: {error}"))
    return pickle.dumps(error)
