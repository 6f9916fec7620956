"""The reward of an episode that was played elsewhere: an exported task and a file of calls."""

from __future__ import annotations

import json
from pathlib import Path

from selfchal.api.opening import SandboxLike, open_sandbox, using_environment
from selfchal.core.episode import Reward
from selfchal.interop.portable import PortableTask, ReplayError, make_replayer
from selfchal.serving.call_file import UnreadableCallsError, read_calls
from selfchal.text_files import explain_unreadable, read_text_file


def reward_calls(task: Path, calls: Path, sandbox: SandboxLike = "process") -> Reward:
    """The reward of these calls, after the task itself was tried.

    An agent may write into the file of calls: one that holds something else is the agent's failure. Raises
    ReplayError where the task cannot be read or is not judged as when it was exported, and SandboxError where
    the sandbox failed.
    """
    portable = read_task(task)
    with using_environment(portable.environment) as environment, open_sandbox(sandbox) as opened:
        replayer = make_replayer(environment, opened, portable.limits)
        if fault := replayer.find_fault(portable):
            raise ReplayError(f"{task}: {fault}; when it was exported that was not so")
        try:
            made = read_calls(calls)
        except UnreadableCallsError as error:
            return Reward(0.0, str(error))
        return replayer.reward_surely(portable.task, made)


def read_task(path: Path) -> PortableTask:
    """An exported task from its file. Raises ReplayError."""
    try:
        return PortableTask.from_json(json.loads(read_text_file(path)))
    except (OSError, UnicodeDecodeError) as error:
        raise ReplayError(f"cannot read {path}: {explain_unreadable(error)}") from error
    except (ValueError, RecursionError) as error:
        raise ReplayError(f"{path} is no JSON: {error}") from error
