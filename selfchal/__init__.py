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
    from selfchal.core.arena import Arena
    from selfchal.core.engine import (
        Ask,
        Engine,
        Finished,
        Order,
        Player,
        ProposalOrder,
        TaskOrder,
        Worker,
        WorkerSpec,
    )
    from selfchal.core.environment import Chat, Environment, User
    from selfchal.core.episode import End, Episode, Group, SceneResult
    from selfchal.core.errors import (
        EngineError,
        EnvironmentDataError,
        ManifestError,
        ModelError,
        PluginError,
        PromptRefusedError,
        SandboxError,
        SandboxUnavailableError,
        SelfchalError,
        TrainingError,
    )
    from selfchal.core.evidence import Attempt, Evidence, TaskRunner, Trial
    from selfchal.core.hookspecs import hookimpl
    from selfchal.core.judge import Check, ComparingCheck, Filter, Finding, Outcome, Stage, Verdict
    from selfchal.core.model import (
        Capability,
        Generation,
        Message,
        Model,
        Prices,
        Sampling,
        Stream,
        TrainableModel,
    )
    from selfchal.core.requirement import Requirement
    from selfchal.core.sandbox import Execution, Guarantees, Level, Limits, Program, Sandbox, Session, Status
    from selfchal.core.seeds import seed_of
    from selfchal.core.synthesizer import (
        Proposal,
        ProposalContext,
        ProposalRequest,
        ProposalScene,
        Synthesizer,
    )
    from selfchal.core.task import Task, TestTask, task_id
    from selfchal.core.trainer import Progress, Trainer, Training
    from selfchal.core.turns import TurnStream
    from selfchal.core.updating import MakesRoom, pausing_update, updating
    from selfchal.core.watcher import RunInfo, Watcher
    from selfchal.core.world import Call, Change, Json, ToolHost, ToolResult, ToolSpec, World
    from selfchal.pipeline.manifest import Manifest
    from selfchal.small_envs.environment import small_environment
    from selfchal.small_envs.held_out import HeldOut
    from selfchal.tools.tool import Tool, tool

__version__: str

__all__ = [
    "Arena",
    "Ask",
    "Attempt",
    "Call",
    "Capability",
    "Change",
    "Chat",
    "Check",
    "ComparingCheck",
    "End",
    "Engine",
    "EngineError",
    "Environment",
    "EnvironmentDataError",
    "Episode",
    "Evidence",
    "Execution",
    "Filter",
    "Finding",
    "Finished",
    "Generation",
    "Group",
    "Guarantees",
    "HeldOut",
    "Json",
    "Level",
    "Limits",
    "MakesRoom",
    "Manifest",
    "ManifestError",
    "Message",
    "Model",
    "ModelError",
    "Order",
    "Outcome",
    "Player",
    "PluginError",
    "Prices",
    "Program",
    "Progress",
    "PromptRefusedError",
    "Proposal",
    "ProposalContext",
    "ProposalOrder",
    "ProposalRequest",
    "ProposalScene",
    "Requirement",
    "RunInfo",
    "RunView",
    "Sampling",
    "Sandbox",
    "SandboxError",
    "SandboxUnavailableError",
    "SceneResult",
    "SelfchalError",
    "Session",
    "Stage",
    "Status",
    "Stream",
    "Synthesizer",
    "Task",
    "TaskOrder",
    "TaskRunner",
    "TestTask",
    "Tool",
    "ToolHost",
    "ToolResult",
    "ToolSpec",
    "TrainableModel",
    "Trainer",
    "Training",
    "TrainingError",
    "Trial",
    "TurnStream",
    "User",
    "Verdict",
    "Watcher",
    "Worker",
    "WorkerSpec",
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
    "pausing_update",
    "play",
    "run",
    "seed_of",
    "small_environment",
    "task_id",
    "tool",
    "updating",
    "using_environment",
]

_NAMES_BY_MODULE = {
    "selfchal.api.judging": ("judge", "judge_rows"),
    "selfchal.api.opening": ("open_environment", "open_model", "open_sandbox", "using_environment"),
    "selfchal.api.playing": ("play",),
    "selfchal.api.reading": ("RunView", "open_run"),
    "selfchal.api.running": ("evaluate", "load_manifest", "open_context", "run"),
    "selfchal.core.arena": ("Arena",),
    "selfchal.core.engine": (
        "Ask",
        "Engine",
        "Finished",
        "Order",
        "Player",
        "ProposalOrder",
        "TaskOrder",
        "Worker",
        "WorkerSpec",
    ),
    "selfchal.core.environment": ("Chat", "Environment", "User"),
    "selfchal.core.episode": ("End", "Episode", "Group", "SceneResult"),
    "selfchal.core.errors": (
        "EngineError",
        "EnvironmentDataError",
        "ManifestError",
        "ModelError",
        "PluginError",
        "PromptRefusedError",
        "SandboxError",
        "SandboxUnavailableError",
        "SelfchalError",
        "TrainingError",
    ),
    "selfchal.core.evidence": ("Attempt", "Evidence", "TaskRunner", "Trial"),
    "selfchal.core.hookspecs": ("hookimpl",),
    "selfchal.core.judge": ("Check", "ComparingCheck", "Filter", "Finding", "Outcome", "Stage", "Verdict"),
    "selfchal.core.model": (
        "Capability",
        "Generation",
        "Message",
        "Model",
        "Prices",
        "Sampling",
        "Stream",
        "TrainableModel",
    ),
    "selfchal.core.requirement": ("Requirement",),
    "selfchal.core.sandbox": (
        "Execution",
        "Guarantees",
        "Level",
        "Limits",
        "Program",
        "Sandbox",
        "Session",
        "Status",
    ),
    "selfchal.core.seeds": ("seed_of",),
    "selfchal.core.synthesizer": (
        "Proposal",
        "ProposalContext",
        "ProposalRequest",
        "ProposalScene",
        "Synthesizer",
    ),
    "selfchal.core.task": ("Task", "TestTask", "task_id"),
    "selfchal.core.trainer": ("Progress", "Trainer", "Training"),
    "selfchal.core.turns": ("TurnStream",),
    "selfchal.core.updating": ("MakesRoom", "pausing_update", "updating"),
    "selfchal.core.watcher": ("RunInfo", "Watcher"),
    "selfchal.core.world": ("Call", "Change", "Json", "ToolHost", "ToolResult", "ToolSpec", "World"),
    "selfchal.pipeline.manifest": ("Manifest",),
    "selfchal.small_envs.environment": ("small_environment",),
    "selfchal.small_envs.held_out": ("HeldOut",),
    "selfchal.tools.tool": ("Tool", "tool"),
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
