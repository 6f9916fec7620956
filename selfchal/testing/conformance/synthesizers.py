"""What every synthesizer must keep: scenes that always end, and no look at held-out tasks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import cycle, islice
from typing import Any

from selfchal.core.arena import Arena
from selfchal.core.episode import End, SceneResult
from selfchal.core.judge import Verdict
from selfchal.core.model import Message
from selfchal.core.sandbox import Limits
from selfchal.core.synthesizer import Proposal, ProposalContext, ProposalRequest, ProposalScene, Synthesizer
from selfchal.core.task import Task
from selfchal.core.world import Json
from selfchal.judging.judge import Judge
from selfchal.judging.runner import SandboxTaskRunner
from selfchal.plugins.registry import load_plugins
from selfchal.testing.conformance.case import (
    Case,
    CaseLevel,
    declared,
    demand,
    demand_type,
    make,
    using_sandbox,
)
from selfchal.testing.conformance.twins import demand_alike, is_registered
from selfchal.testing.scripted import write_proposal

REFUSAL = "the endpoint would not go on"
MOST_TURNS = 100  # of one proposal: the paper's challenger takes 14
HELD_OUT = ("test_tasks", "oracle", "grade")  # of an environment, what a synthesizer does not ask for
REQUEST = ProposalRequest(index=3, round=2, seed=11)
SOUND = {
    "instruction": "Decode the Caesar message 'khoor' that was shifted by 3, and answer with the text.",
    "evaluate": "def evaluate(answer):\n    return answer == caesar_decode('khoor', 3)",
    "solution": "result = caesar_decode('khoor', 3)",
    "failures": [f"result = caesar_decode('khoor', {shift})" for shift in (4, 5, 6)],
}
UNSOUND = {**SOUND, "solution": "result = 'not that'"}
JUNK = (
    "",
    "I do not know what to do.",
    "Action:\nprint(1)\nEnd Action",
    "Action:\n" + "(" * 500 + "\nEnd Action",
    "<instruction>Do it.</instruction>",
    "x" * 5_000,
    "Answer:\n<instruction></instruction>\nEnd Answer",
    "\ud800",
    write_proposal(UNSOUND),
    json.dumps(UNSOUND),
    "[" * 3_000,
    write_proposal(SOUND),
    json.dumps(SOUND),
)


def synthesizer_cases(
    cls: type[Any],
    options: Mapping[str, Json] | None = None,
    environment: str | type[Any] = "calculation",
    sandbox: str = "process",
    answers: Sequence[str] = (),
) -> list[Case]:
    """The cases for a synthesizer class with these options.

    It proposes in that environment, a name or a class. ``answers`` are what a model says, turn by turn, in
    which the synthesizer must find a task; without them that case is left out.
    """
    kit = _Kit(cls, options or {}, environment, sandbox, answers)
    cases = [
        *declared("synthesizer", cls, options or {}),
        Case("names its scenes and their environment", kit.names_its_scenes,
             cure="A scene's ``name`` is a text, ``environment`` is context.arena.environment.name."),
        Case("proposes the same for the same request and the same words", kit.repeats,
             cure="Draw from random.Random(request.seed) alone."),
        Case("speaks in messages", kit.speaks_in_messages,
             cure="start() gives Messages that end with a user's, step() a Message or None at the end."),
        Case("ends after finitely many turns, whatever the model says", kit.ends,
             cure="Count the turns, return None after the last, and raise nothing for what a model writes."),
        Case("has a proposal of its request, which JSON holds, however it ended", kit.proposes,
             cure="Make a Proposal with the request's index and round in __init__, and another "
                  "where a task is found."),
        Case("rewards its episode in the end", kit.rewards,
             cure="the result of finish() has an end, and a reward in 0 to 1, or None where it could "
                  "not be judged."),
        Case("keeps the scenes of two requests apart", kit.keeps_scenes_apart,
             cure="Keep what belongs to a request in its scene: no class attributes, no mutable "
                  "defaults, no globals."),
        Case("keeps no task with code that the judge has not passed", kit.asks_the_judge,
             cure="Give each task to context.judge(task), and put its verdict into the Proposal."),
        Case("never looks at held-out tasks", kit.keeps_from_held_out_tasks, CaseLevel.SEMANTIC,
             "Ask context.solves_held_out, and never test_tasks, oracle or grade."),
        # last, for what is wrong here is wrong there too, and said better here
        *([Case(ALIKE, kit.repeats_elsewhere, cure=SORT)] if is_registered("synthesizer", cls) else ()),
    ]  # fmt: skip
    if not answers:
        return cases
    cure = "Read the answer as the prompt asks for it, and give the judge all that it needs."
    return [*cases, Case("finds the task that the model proposes", kit.finds_the_task, cure=cure)]


ALIKE = "proposes the same in other processes, under other hash seeds"
SORT = "Sort what comes out of a set, and draw from random.Random(request.seed): hash() is another one there."


class _Kit:
    def __init__(
        self, cls: type[Any], options: Mapping[str, Json], environment: Any, sandbox: str, answers: Any
    ) -> None:
        self.cls, self.options, self.sandbox, self.answers = cls, options, sandbox, answers
        self.result = SceneResult(End.STEPS)  # of the one that was played last
        self.cut: End | None = None  # what ended it, where it did not end itself
        named = isinstance(environment, str)
        self.environment = load_plugins().find("environment", environment) if named else environment

    def names_its_scenes(self) -> None:
        with self._open() as context:
            scene = self._make().scene(REQUEST, context)
            demand_type(scene.name, str, "a scene's name")
            demand(scene.name, "a scene has no name")
            wanted = context.arena.environment.name
            said = scene.environment
            demand(said == wanted, f"a scene says it plays in {said!r}, not {wanted!r}")

    def speaks_in_messages(self) -> None:
        with self._open() as context:
            scene = self._make().scene(REQUEST, context)
            demand(scene is not None, "scene() gave None, and not a scene: does it lack a return?")
            first = list(scene.start())
            demand(first, "start() gave no message, so that the model is asked nothing")
            for one in first:
                demand_type(one, Message, "start()")
            demand(first[-1].role == "user", f"the first messages end with one of {first[-1].role!r}")
            said = scene.step(JUNK[1])
            demand_type(said, (Message, type(None)), "step()")
            own = said is not None and said.role == "assistant"
            demand(not own, "step() answers the model in the model's own role, 'assistant'")

    def rewards(self) -> None:
        with self._open() as context:
            for texts, cut in ((cycle(JUNK), None), (iter(JUNK[:1]), End.LENGTH), (iter(()), End.REFUSED)):
                self._play(context, texts, cut)
                demand_type(self.result, SceneResult, "finish()")
                reward, end = self.result.reward, self.result.end
                demand_type(reward, (int, float, type(None)), "finish() set a reward: it")
                demand(reward is not None or cut, "finish() left the reward of an episode that ended None")
                demand(reward is None or 0 <= reward <= 1, f"finish() set the reward {reward}")
                demand(not self.cut or end is self.cut, f"cut with {self.cut!r}, the end is {end!r}")

    def keeps_scenes_apart(self) -> None:
        with self._open() as context:
            alone = self._play(context, self._repeat_answers())
            made = self._make()
            other = made.scene(ProposalRequest(index=8, round=4, seed=12), context)
            other.start()
            beside = self._play(
                context, self._repeat_answers(), scene=made.scene(REQUEST, context), between=other
            )
            demand(alone[1] == beside[1], "beside another scene the model was told something else")
            same = alone[0].task == beside[0].task
            demand(same, "beside another scene another task was proposed")
            other.finish(End.LENGTH, "")
            made_by = other.proposal.round, other.proposal.index
            demand(made_by == (4, 8), f"the other scene's proposal is number {made_by} of its round")

    def asks_the_judge(self) -> None:
        with self._open() as context:
            asked = list[Task]()

            def judge(task: Task, *filters: Any, **more: Any) -> Verdict:
                asked.append(task)
                return context.judge(task, *filters, **more)

            watched = replace(context, judge=judge)
            for text in (*self.answers, *JUNK):
                proposal = self._play(watched, cycle([text]))[0]
                task, here = proposal.task, context.arena.environment.name
                where = task.environment if task is not None else here
                demand(where == here, f"it proposed a task of {where!r} while it explores {here!r}")
                if proposal.verdict.passed and task is not None and task.evaluate:
                    known = any(one.evaluate == task.evaluate for one in asked)
                    demand(known, f"it keeps the task {task.instruction[:60]!r}, and never asked the judge")

    def ends(self) -> None:
        with self._open() as context:
            for first in range(len(JUNK)):
                self._play(context, cycle(JUNK[first:] + JUNK[:first]))
                self._play(context, cycle(JUNK[first : first + 1]))

    def proposes(self) -> None:
        with self._open() as context:
            for texts, cut in ((cycle(JUNK), None), (iter(JUNK[:1]), End.LENGTH), (iter(()), End.REFUSED)):
                proposal = self._play(context, texts, cut)[0]
                made = proposal.round, proposal.index
                demand(made == (REQUEST.round, REQUEST.index), f"the proposal is number {made} of its round")
                written = json.dumps(proposal.to_json())
                demand(Proposal.from_json(json.loads(written)) == proposal, "JSON does not hold the proposal")

    def repeats(self) -> None:
        with self._open() as context:
            once, again = (self._play(context, self._repeat_answers()) for _ in range(2))
            demand(once[1] == again[1], "one request and the same words were told two ways")
            same = once[0].task == again[0].task and once[0].verdict.outcome == again[0].verdict.outcome
            demand(same, "one request and the same words gave two proposals")

    def repeats_elsewhere(self) -> None:
        demand_alike("synthesizer", self.cls, self.options)

    def keeps_from_held_out_tasks(self) -> None:
        held_out = make(self.environment, {})
        texts = [task.instruction for split in held_out.splits() for task in held_out.test_tasks(split)]
        # In the class itself, for a synthesizer may open another environment of it.
        with hide_held_out_tasks(self.environment), self._open() as context:
            for words in (cycle(JUNK), self._repeat_answers()):
                told = "\n".join(message.content for message in self._play(context, words)[1])
                shown = [text for text in texts if text in told]
                demand(not shown, f"the model was shown a held-out instruction: {shown[:1]}")

    def finds_the_task(self) -> None:
        with self._open() as context:
            proposal = self._play(context, cycle(self.answers))[0]
            demand(proposal.task, f"no task was found: {proposal.verdict.reason}")

    def _repeat_answers(self) -> Iterator[str]:
        return cycle((JUNK[1], *(self.answers or JUNK[::-1])))

    def _make(self) -> Synthesizer:
        made: Synthesizer = make(self.cls, self.options)
        return made

    @contextmanager
    def _open(self, environment: type[Any] | None = None) -> Iterator[ProposalContext]:
        with using_sandbox(load_plugins().find("sandbox", self.sandbox), {}) as sandbox:
            arena = Arena(make(environment or self.environment, {}), sandbox, Limits())
            yield ProposalContext(arena, Judge(SandboxTaskRunner(arena), secret="conformance"))

    def _play(
        self,
        context: ProposalContext,
        texts: Iterator[str],
        cut: End | None = None,
        scene: ProposalScene | None = None,
        between: ProposalScene | None = None,
    ) -> tuple[Proposal, list[Message]]:
        """The proposal, and all that the model was told; ``cut`` ends the scene where the texts do. Another
        scene hears junk ``between`` its turns, until that one ends."""
        scene, self.cut = scene or self._make().scene(REQUEST, context), None
        told = list(scene.start())
        for text in islice(texts, MOST_TURNS):
            if between is not None and between.step(JUNK[1]) is None:
                between = None
            said = scene.step(Message("assistant", text).content)
            demand_type(said, (Message, type(None)), "step()")
            if said is None:
                self.result = scene.finish(None, "")
                return scene.proposal, told
            told.append(said)
        demand(cut is not None, f"after {MOST_TURNS} turns the scene has not ended")
        self.cut = cut
        self.result = scene.finish(cut, REFUSAL if cut is End.REFUSED else "")
        return scene.proposal, told


@contextmanager
def hide_held_out_tasks(cls: type[Any]) -> Iterator[None]:
    """Whoever asks an environment of this class for held-out tasks is refused."""
    own = {name: vars(cls)[name] for name in HELD_OUT if name in vars(cls)}
    try:
        for name in HELD_OUT:
            setattr(cls, name, _refuse_to_show)
        yield
    finally:
        for name in HELD_OUT:
            delattr(cls, name)
        for name, value in own.items():
            setattr(cls, name, value)


def tell_seen(cls: type[Any], options: Mapping[str, Json]) -> list[tuple[str, Json]]:
    """What the model is told and what is proposed, for a comparison of processes."""
    kit = _Kit(cls, options, "calculation", "process", ())
    with kit._open() as context:
        proposal, told = kit._play(context, kit._repeat_answers())
    return [
        *((f"message {i} to the model", message.content) for i, message in enumerate(told)),
        ("the proposal", proposal.to_json()),
    ]


def _refuse_to_show(self: Any, *_: Any) -> Any:
    raise AssertionError("it asked the environment for held-out tasks, or for what solves and grades them")
