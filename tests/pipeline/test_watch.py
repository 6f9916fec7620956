"""What a run tells those who watch it: everything, in order, never inside a rollout, whatever they do."""

from __future__ import annotations

import inspect
import re
import traceback
import types
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel

from selfchal.core import hookspecs
from selfchal.core.episode import Episode
from selfchal.core.errors import ManifestError, PluginError
from selfchal.core.hookspecs import hookimpl
from selfchal.core.judge import Outcome, Verdict
from selfchal.core.sandbox import Sandbox
from selfchal.core.synthesizer import Proposal
from selfchal.core.task import Task
from selfchal.core.watcher import RunInfo
from selfchal.core.world import Json
from selfchal.pipeline.loop import run
from selfchal.pipeline.manifest import Manifest
from selfchal.pipeline.measure import Policy, measure_model, measure_policy
from selfchal.pipeline.store import Store
from selfchal.pipeline.watch import Watch, Watchers
from tests.pipeline.learner import Own, manifest_of

TASK = Task("t", "shop", {}, "do it", "def evaluate(): return True", "", ())
DOCS = Path(__file__).parents[2] / "docs" / "plugins.md"


@dataclass
class Listener:
    """Writes down all that it is told, and that it was told outside of every rollout."""

    heard: list[tuple[Any, ...]] = field(default_factory=list)
    runs: list[RunInfo] = field(default_factory=list)

    def _hear(self, hook: str, *values: Any) -> None:
        frames = traceback.extract_stack()
        assert not [frame for frame in frames if frame.filename.endswith("rollout/rollout.py")], hook
        self.heard.append((hook, *values))

    def named(self, hook: str) -> list[tuple[Any, ...]]:
        return [values for name, *values in self.heard if name == hook]  # type: ignore[misc]  # a list is as good

    @hookimpl
    def run_started(self, run: RunInfo) -> None:
        self.runs.append(run)
        self._hear("run_started")

    @hookimpl
    def run_ended(self, run: RunInfo, results: Mapping[str, Json] | None) -> None:
        self.runs.append(run)
        self._hear("run_ended", results)

    @hookimpl
    def stage_started(
        self, run: RunInfo, stage: str, total: int | None, unit: str, count_done: Callable[[], int]
    ) -> None:
        assert count_done() == 0
        self._hear("stage_started", stage, total, unit)

    @hookimpl
    def stage_progressed(
        self, run: RunInfo, stage: str, done: int, total: int | None, counts: Mapping[str, int]
    ) -> None:
        self._hear("stage_progressed", stage, done, total, dict(counts))

    @hookimpl
    def stage_ended(self, run: RunInfo, stage: str, seconds: float) -> None:
        assert seconds > 0
        self._hear("stage_ended", stage)

    @hookimpl
    def task_judged(self, run: RunInfo, task: Task, verdict: Verdict) -> None:
        self._hear("task_judged", task.id, verdict.passed)

    @hookimpl
    def episodes_finished(self, run: RunInfo, purpose: str, episodes: Sequence[Episode]) -> None:
        self._hear("episodes_finished", purpose, len(episodes))

    @hookimpl
    def update_finished(self, run: RunInfo, stage: str, step: int, metrics: Mapping[str, float]) -> None:
        self._hear("update_finished", stage, step, sorted(metrics))

    @hookimpl
    def updates_discarded(self, run: RunInfo, stage: str, after: int) -> None:
        self._hear("updates_discarded", stage, after)

    @hookimpl
    def note(self, run: RunInfo, text: str) -> None:
        self._hear("note", text)


def watched_by(*watchers: object) -> Watchers:
    found = Watchers()
    for watcher in watchers:
        found.add(watcher, f"this test's {type(watcher).__name__}")
    return found


def run_watched(directory: Path, manifest: Manifest, *watchers: object) -> dict[str, Json]:
    with Store.resume(directory, manifest.resolved()) as store:
        return run(manifest, store, watched_by(*watchers))


@pytest.mark.torch
def test_a_run_tells_all_that_happens_and_nothing_inside_a_rollout(
    tmp_path: Path, process_sandbox: Sandbox
) -> None:
    manifest, listener = manifest_of(process_sandbox), Listener()
    results = run_watched(tmp_path, manifest, listener)
    assert [one for one in listener.heard if one[0].startswith("run_")] == [
        ("run_started",),
        ("run_ended", results),
    ]
    assert listener.heard[0] == ("run_started",)
    assert {(one.name, one.directory) for one in listener.runs} == {("run", tmp_path)}
    assert listener.runs[0].manifest == manifest.resolved()
    stages = [(one[0], one[1]) for one in listener.heard if one[0] in ("stage_started", "stage_ended")]
    names = ["evaluate before", "challenge 1", "train 1", "evaluate after"]
    assert stages == [(hook, name) for name in names for hook in ("stage_started", "stage_ended")]
    assert ["challenge 1", 12, "proposals"] in listener.named("stage_started")
    with Store.read(tmp_path) as store:
        judged = [[p.task.id, p.verdict.passed] for p in store.proposals() if p.task]
        assert listener.named("task_judged") == judged
        counted = Counter[str]()
        for purpose, count in listener.named("episodes_finished"):
            counted[purpose] += count
        assert counted == {p: sum(1 for _ in store.episodes(p)) for p in ("challenge", "train", "evaluate")}
    assert listener.named("update_finished") == [["train 1", step, ["reward"]] for step in (1, 2, 3)]
    last = [one for one in listener.named("stage_progressed") if one[0] == "challenge 1"][-1]
    assert last[1:3] == [12, 12]
    assert sum(last[3].values()) == 12


@pytest.mark.torch
def test_an_interrupted_run_says_that_it_is_over_and_a_resumed_one_what_is_made_again(
    tmp_path: Path, process_sandbox: Sandbox
) -> None:
    class Stopped(BaseException):  # as Ctrl-C, which is no watcher's mistake
        pass

    class Stopper:
        @hookimpl
        def update_finished(self, step: int) -> None:
            if step == 2:
                raise Stopped

    manifest, before, after = manifest_of(process_sandbox), Listener(), Listener()
    with pytest.raises(Stopped):
        run_watched(tmp_path, manifest, before, Stopper())
    assert before.heard[-1] == ("run_ended", None)
    assert ["train 1"] not in before.named("stage_ended")
    results = run_watched(tmp_path, manifest, after)
    assert after.heard[-1] == ("run_ended", results)
    assert after.named("updates_discarded") == [["train 1", 1]]
    assert after.named("update_finished") == [["train 1", step, ["reward"]] for step in (2, 3)]


WATCHING = [
    name
    for name, value in vars(hookspecs).items()
    if inspect.isfunction(value) and not name.startswith("register_")
]


@pytest.mark.parametrize("hook", WATCHING)
def test_a_watcher_that_raises_is_left_out_and_said_once(hook: str) -> None:
    calls, notes = [], []

    def fail(self: object) -> None:
        calls.append(hook)
        raise ZeroDivisionError("oh")

    class Noting:
        @hookimpl
        def note(self, text: str) -> None:
            notes.append(text)

    breaking = type("Breaking", (), {hook: hookimpl(fail)})()
    watchers, run = watched_by(breaking, Noting()), RunInfo("r", None, {})
    given = {name: "x" for name in inspect.signature(getattr(hookspecs, hook)).parameters if name != "run"}
    watchers.tell(hook, run, **given)
    watchers.tell(hook, run, **given)
    assert len(calls) == 1
    assert [text for text in notes if text != "x"] == [
        f"this test's Breaking: its hook {hook} raised ZeroDivisionError: oh; it is left out now"
    ]


@pytest.mark.torch
def test_a_watcher_that_raises_does_not_end_the_run(tmp_path: Path, process_sandbox: Sandbox) -> None:
    class Breaking:
        @hookimpl
        def task_judged(self) -> None:
            raise ZeroDivisionError

    listener = Listener()
    results = run_watched(tmp_path, manifest_of(process_sandbox), Breaking(), listener)
    assert results["funnel"]["proposed"] == 12
    assert len([text for (text,) in listener.named("note") if "Breaking" in text]) == 1


class TallyConfig(BaseModel, extra="forbid"):
    every: int = 1


class Tally:
    """Counts every so many updates; made by a manifest."""

    name: ClassVar[str] = "tally"
    Config: ClassVar[type[BaseModel]] = TallyConfig
    counted: ClassVar[list[tuple[int, int]]] = []

    def __init__(self, config: TallyConfig) -> None:
        self.every = config.every

    @hookimpl
    def update_finished(self, step: int) -> None:
        if step % self.every == 0:
            self.counted.append((self.every, step))

    @hookimpl
    def stage_started(self, stage: str) -> None:
        self.counted.append((0, 0))


@pytest.mark.torch
def test_a_watcher_that_the_manifest_names_gets_its_options(
    tmp_path: Path, process_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(Own.own, "tally", Tally)
    Tally.counted.clear()
    manifest = manifest_of(process_sandbox, watchers=[{"name": "tally", "every": 3}])
    assert manifest.resolved()["watchers"] == [{"name": "tally", "every": 3}]
    run_watched(tmp_path, manifest)
    assert [one for one in Tally.counted if one != (0, 0)] == [(3, 3)]
    with pytest.raises(ManifestError, match=r"watchers\.0\.evry: no such key; did you mean 'every'"):
        manifest_of(process_sandbox, watchers=[{"name": "tally", "evry": 3}])


def test_a_measurement_is_told_to_those_who_watch_but_not_to_those_of_the_manifest(
    tmp_path: Path, process_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(Own.own, "tally", Tally)
    Tally.counted.clear()
    manifest, model, oracle = (
        manifest_of(process_sandbox, watchers=[{"name": "tally"}]),
        Listener(),
        Listener(),
    )
    with Store.create(tmp_path, manifest.resolved()) as store:
        measure_model(manifest, store, watched_by(model))
    measure_policy(manifest, Policy.ORACLE, watched_by(oracle))
    assert Tally.counted == []
    assert [one[0] for one in model.named("stage_ended")] == ["evaluate start"]
    assert oracle.named("stage_progressed")[-1] == ["oracle", 4, 4, {}]
    for listener in (model, oracle):
        assert listener.heard[0] == ("run_started",)
        assert listener.heard[-1] == ("run_ended", None)


def test_an_object_with_a_hook_that_there_is_not_cannot_watch() -> None:
    class Misspelt:
        @hookimpl
        def updat_finished(self) -> None: ...

    with pytest.raises(PluginError, match=r"this test's Misspelt cannot watch: .*updat_finished"):
        watched_by(Misspelt())


class Wrong:
    @hookimpl
    def note(self, txt: str) -> None: ...


class Mute:
    def note(self, text: str) -> None: ...


@pytest.mark.parametrize(
    ("watcher", "said"),
    [
        (Wrong(), "its hook note takes txt, which it is not given; the signature is note(run, text), any of"),
        (Mute(), "it implements no hook; mark its functions with selfchal.hookimpl"),
    ],
)
def test_an_object_whose_hooks_cannot_be_called_is_told_the_signature(watcher: object, said: str) -> None:
    with pytest.raises(PluginError) as raised:
        watched_by(watcher)
    assert f"cannot watch: {said}" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_the_watchers_of_the_documentation_work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    block = re.search(r"<!-- begin examples/heartbeat.py -->\n```python\n(.*?)```", DOCS.read_text(), re.S)
    assert block, "docs/plugins.md has no example of a watcher"
    module = types.ModuleType("heartbeat")
    exec(compile(block[1], "docs/plugins.md", "exec", dont_inherit=True), vars(module))
    (heartbeat,) = vars(module)["register_watchers"]()
    beat = tmp_path / "beat"
    watchers, run = watched_by(module, heartbeat(heartbeat.Config(file=beat))), RunInfo("r", tmp_path, {})
    watch = Watch(run, watchers)
    with watch.stage("challenge 1", 8, "proposals"):
        for stage, check in [("strong", "field_values"), ("strong", "field_values"), ("ran", "")]:
            fell = Verdict(Outcome.FAILED, stage, check=check)
            watch.proposals_judged([Proposal(0, 1, fell, TASK)])
        watch.progress(3)
    watchers.tell("run_ended", run, results={})
    assert beat.read_text() == "r: challenge 1, 3 of 8\nfield_values: 2\nran: 1\n"
    assert capsys.readouterr().out == "r is done\n"
