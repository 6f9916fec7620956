"""The judge and its checks: a task in, a verdict with its reason out, by running the task's code.

Names are looked up when they are first used: whoever needs ``judging.runner`` alone, as an exported task
does, does not wait for numpy and the checks.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selfchal.core.judge import STAGES
    from selfchal.judging.judge import Judge
    from selfchal.judging.processes import JudgeProcesses, JudgeSpec, enough_processes
    from selfchal.judging.rows import format_verdict, judge_each

__all__ = [
    "STAGES",
    "Judge",
    "JudgeProcesses",
    "JudgeSpec",
    "enough_processes",
    "format_verdict",
    "judge_each",
]
_MODULES = {
    "STAGES": "selfchal.core.judge",
    "Judge": "selfchal.judging.judge",
    "JudgeProcesses": "selfchal.judging.processes",
    "JudgeSpec": "selfchal.judging.processes",
    "enough_processes": "selfchal.judging.processes",
    "format_verdict": "selfchal.judging.rows",
    "judge_each": "selfchal.judging.rows",
}

if not TYPE_CHECKING:  # a type checker that saw this function would believe in any name

    def __getattr__(name: str) -> object:
        """Look a name up when it is first used, and keep it."""
        import importlib

        if name not in _MODULES:
            raise AttributeError(f"module 'selfchal.judging' has no attribute {name!r}")
        value = getattr(importlib.import_module(_MODULES[name]), name)
        globals()[name] = value
        return value
