"""The run's connection to a Ray cluster, or a Ray of its own on this machine."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from typing import Any

from selfchal.core.errors import EngineError
from selfchal.hosting import HostLostError

STORE_BYTES = 2**28  # of a Ray that is started here: orders and episodes are small
PASSED_ON = ("SELFCHAL_PLUGIN_FILES", "SELFCHAL_DISABLED_PLUGINS")  # variables that plugins are found by


RAY_ADDRESS = "RAY_ADDRESS"


@dataclass
class Connection:
    """A connection that was there already stays when this one is closed."""

    address: str | None
    _is_mine: bool = False

    def open(self) -> None:
        """Connect, or start Ray here, unless it is connected. Raises EngineError where no cluster answers."""
        import ray

        if ray.is_initialized():
            return
        address = None if self.address == "local" else self.address
        is_there = address or os.environ.get(RAY_ADDRESS)  # which Ray connects to where nothing else is said
        mine: dict[str, Any] = (
            {} if is_there else {"object_store_memory": STORE_BYTES, "include_dashboard": False}
        )
        try:
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **mine)
        except (ConnectionError, RuntimeError, ValueError) as error:
            reason = str(error.__cause__ or error).splitlines()[0]  # a refused token is told there
            raise EngineError(
                f"no Ray cluster can be used at {address or 'this machine'}: {reason}. `ray status` shows "
                "what there is; without engine.address Ray is started here"
            ) from error
        self._is_mine = True

    def close(self) -> None:
        if self._is_mine:
            import ray

            ray.shutdown()
            self._is_mine = False


def get_or_lose(reference: Any) -> Any:
    """What a call to an actor gave. Raises what the actor's own code raised, and HostLostError where nothing
    will come any more: its process or its node has ended, it was killed for memory, its answer was lost."""
    import ray

    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError:
        raise
    except ray.exceptions.RayError as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise HostLostError(f"a Ray actor was lost: {reason}") from error


def pass_on_environment(**more: str) -> dict[str, Any]:
    """Ray's runtime environment of an actor: what plugins are found by, and ``more`` variables."""
    found = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return {"env_vars": {**found, **more}}
