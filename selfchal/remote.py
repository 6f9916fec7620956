"""What an engine of somebody else's is written with, whose workers live elsewhere (docs/plugins/engine.md).

An engine makes a ``SceneHost`` in each of its workers, and in the run a ``RemoteScene`` of each order, which
reaches a host by whatever calls the engine has.
"""

from __future__ import annotations

from selfchal.core.engine import NodeWork
from selfchal.hosting import HostLostError, Ranks
from selfchal.rollout.remote_scene import HostCalls, RemoteScene, WorkerLostError, judge_remotely
from selfchal.rollout.scene_host import SceneHost

__all__ = [
    "HostCalls",
    "HostLostError",
    "NodeWork",
    "Ranks",
    "RemoteScene",
    "SceneHost",
    "WorkerLostError",
    "judge_remotely",
]
