"""Train tool-using LLM agents on tasks that they write themselves, each proven by running code.

Every public name stands here (docs/python.md). Importing this package loads none of them: a name is looked
up when it is first used, so that ``import selfchal`` costs next to nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as in typing, whose import would take longer than all the rest
if TYPE_CHECKING:
    from selfchal.api.judging import judge, judge_rows
    from selfchal.api.opening import open_environment, open_model, open_sandbox, using_environment
    from selfchal.api.playing import play
    from selfchal.api.reading import RunView, open_run
    from selfchal.api.running import evaluate, load_manifest, open_context, run
    from selfchal.core.environment import Environment
    from selfchal.core.episode import Episode
    from selfchal.core.errors import SelfchalError
    from selfchal.core.evidence import Evidence, TaskRunner
    from selfchal.core.hookspecs import hookimpl
    from selfchal.core.judge import Check, ComparingCheck, Finding, Outcome, Stage, Verdict
    from selfchal.core.model import Model
    from selfchal.core.sandbox import Limits, Program, Sandbox
    from selfchal.core.synthesizer import Synthesizer
    from selfchal.core.task import Task, TestTask
    from selfchal.core.trainer import Trainer
    from selfchal.core.watcher import Watcher
    from selfchal.core.world import ToolResult, ToolSpec, World
    from selfchal.pipeline.manifest import Manifest
    from selfchal.small_envs.environment import small_environment
    from selfchal.small_envs.held_out import HeldOut
    from selfchal.tools.tool import Tool, tool

__version__: str

__all__ = [
    "Check",
    "ComparingCheck",
    "Environment",
    "Episode",
    "Evidence",
    "Finding",
    "HeldOut",
    "Limits",
    "Manifest",
    "Model",
    "Outcome",
    "Program",
    "RunView",
    "Sandbox",
    "SelfchalError",
    "Stage",
    "Synthesizer",
    "Task",
    "TaskRunner",
    "TestTask",
    "Tool",
    "ToolResult",
    "ToolSpec",
    "Trainer",
    "Verdict",
    "Watcher",
    "World",
    "evaluate",
    "hookimpl",
    "judge",
    "judge_rows",
    "load_manifest",
    "open_context",
    "open_environment",
    "open_model",
    "open_run",
    "open_sandbox",
    "play",
    "run",
    "small_environment",
    "tool",
    "using_environment",
]

_NAMES_BY_MODULE = {
    "selfchal.api.judging": ("judge", "judge_rows"),
    "selfchal.api.opening": ("open_environment", "open_model", "open_sandbox", "using_environment"),
    "selfchal.api.playing": ("play",),
    "selfchal.api.reading": ("RunView", "open_run"),
    "selfchal.api.running": ("evaluate", "load_manifest", "open_context", "run"),
    "selfchal.core.environment": ("Environment",),
    "selfchal.core.episode": ("Episode",),
    "selfchal.core.errors": ("SelfchalError",),
    "selfchal.core.evidence": ("Evidence", "TaskRunner"),
    "selfchal.core.hookspecs": ("hookimpl",),
    "selfchal.core.judge": ("Check", "ComparingCheck", "Finding", "Outcome", "Stage", "Verdict"),
    "selfchal.core.model": ("Model",),
    "selfchal.core.sandbox": ("Limits", "Program", "Sandbox"),
    "selfchal.small_envs.environment": ("small_environment",),
    "selfchal.small_envs.held_out": ("HeldOut",),
    "selfchal.core.synthesizer": ("Synthesizer",),
    "selfchal.core.task": ("Task", "TestTask"),
    "selfchal.tools.tool": ("Tool", "tool"),
    "selfchal.core.trainer": ("Trainer",),
    "selfchal.core.watcher": ("Watcher",),
    "selfchal.core.world": ("ToolResult", "ToolSpec", "World"),
    "selfchal.pipeline.manifest": ("Manifest",),
}
_MODULES = {name: module for module, names in _NAMES_BY_MODULE.items() for name in names}

if not TYPE_CHECKING:  # a type checker that saw this function would believe in any name

    def __getattr__(name: str) -> object:
        """Look a public name up when it is first used, and keep it."""
        import importlib

        if name == "__version__":
            from importlib.metadata import version  # reading package metadata is slow

            value = version("selfchal")
        elif name in _MODULES:
            value = getattr(importlib.import_module(_MODULES[name]), name)
        else:
            raise AttributeError(f"module 'selfchal' has no attribute {name!r}")
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__, "__version__"})
