"""The challenger's scene: explore over several turns, answer with a task, revise it after its traceback.

Paper, section 4.2 and appendix A: the challenger acts in the environment first, then submits a
Code-as-Task; when a check fails, what went wrong goes back to it. Every bound is the scene's own, so
whatever the model says, the scene ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from selfchal.builtin_synthesizers.answer import (
    CODE_AS_TASK,
    INSTRUCTION,
    UNCHECKED,
    Draft,
    Refusal,
    looks_like_answer,
    parse_answer,
)
from selfchal.builtin_synthesizers.close_attempts import complete_draft, run_piece
from selfchal.builtin_synthesizers.config import CodeAsTaskConfig, Prompt
from selfchal.builtin_synthesizers.exemplar import Exemplar, find_condition
from selfchal.builtin_synthesizers.first_messages import write_first_messages
from selfchal.builtin_synthesizers.prompting import write_example
from selfchal.builtin_synthesizers.written_checks import write_checks
from selfchal.core.episode import End, SceneResult
from selfchal.core.errors import SandboxError
from selfchal.core.judge import Outcome, Stage, Verdict
from selfchal.core.model import Message
from selfchal.core.sandbox import Execution, Session, Status
from selfchal.core.synthesizer import Proposal, ProposalContext, ProposalRequest
from selfchal.core.task import MIN_FAILURES, Task, task_id
from selfchal.core.world import Json, World
from selfchal.judging.checks.near_duplicates import normalised
from selfchal.judging.tool_errors import Counts, add_counts, count_calls
from selfchal.rollout.actions import NO_MARKER, Act, Say, parse_turn
from selfchal.rollout.agent import observation_of
from selfchal.thoughts import strip_thoughts

LAST_STEP = "This was your last exploring turn: now answer with the task."
NO_TASK = "Reply with an action between 'Action:' and 'End Action', or answer with the task in its tags."
NO_OUTPUT = "Nothing was printed. print(...) shows what a tool gives."
UNDONE = (
    "What this changed is undone before your task's code runs: write the task about what was there before."
)
HINT = "After the solution this is true, and before it was not: {condition}\n"
REVISE = "Mend the task and answer again with all of its parts."
COPIED = "This is the example. Write another task, about something else that you have seen."
LOOK_FIRST = "Or explore once more before you do: write an action alone."
REPAIR = """The rest of the task is sound. Rewrite the instruction alone so that it says all that this does:
{calls}
Describe things as a person would, by what they are and not by hidden ids. Answer with:
Answer:
<instruction>...</instruction>
End Answer"""


@dataclass
class ChallengeScene:
    request: ProposalRequest
    proposal_context: ProposalContext
    config: CodeAsTaskConfig
    exemplar: Exemplar | None = None  # for an environment that nobody wrote an example for
    world: World = field(init=False)
    session: Session | None = field(init=False, default=None)
    context: dict[str, Json] = field(init=False)
    proposal: Proposal = field(init=False)
    end: End = field(init=False, default=End.ANSWER)
    turns: int = field(init=False, default=0)
    explored: int = field(init=False, default=0)
    calls: int = field(init=False, default=0)
    tool_calls: list[Counts] = field(init=False, default_factory=list)  # exploring and judging
    invalid: int = field(init=False, default=0)
    judged: int = field(init=False, default=0)
    executions: int = field(init=False, default=0)  # in the sandbox, exploring and judging
    touched: bool = field(init=False, default=False)  # did exploring change the world since it was opened
    incomplete: Draft | None = field(init=False, default=None)  # sound but for its instruction
    repaired: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.context = dict(self.proposal_context.arena.environment.exploration_context(self.request.seed))
        self.proposal = self._make_proposal(Verdict(Outcome.FAILED, Stage.PARSED, "no task was proposed"))

    @property
    def name(self) -> str:
        return f"proposal-{self.request.round}-{self.request.index}"

    @property
    def environment(self) -> str:
        return self.proposal_context.arena.environment.name

    def start(self) -> Sequence[Message]:
        self.world = self.proposal_context.arena.environment.open(self.context)
        environment = self.proposal_context.arena.environment
        return write_first_messages(environment, self.context, self.request, self.config, self.exemplar)

    def step(self, text: str) -> Message | None:
        self.turns += 1
        aloud = strip_thoughts(text)
        turn = parse_turn(aloud)
        is_answer = looks_like_answer(aloud, alone=self.incomplete is not None)
        unmarked = (
            isinstance(turn, Act) and NO_MARKER in turn.forgiven
        )  # a task holds code between fences too
        if isinstance(turn, Act) and self._may_explore() and not (unmarked and is_answer):
            return self._explore(turn.code)
        if isinstance(turn, Say) or is_answer:
            return self._make_answer(aloud)
        self.invalid += 1
        return self._spend(f"Observation:\n{NO_TASK}")

    def _explore(self, code: str) -> Message | None:
        if self.session is None:
            arena = self.proposal_context.arena
            self.session = arena.sandbox.session(self.world, arena.limits)
        execution = self.session.run(code)
        self.executions += 1
        self.calls += len(execution.calls)
        self.touched |= any(call.changed for call in execution.calls)
        self.tool_calls.append(count_calls(execution.calls))
        self.invalid += not execution.ok
        if execution.status is Status.INFRA_ERROR:
            self.end = End.INFRA
            reason = execution.error or "the sandbox failed"
            self.proposal = self._make_proposal(Verdict(Outcome.COULD_NOT_CHECK, Stage.PARSED, reason))
            return None
        return self._spend(self._write_observation(execution))

    def _write_observation(self, execution: Execution) -> str:
        """Small models print nothing, and write tasks about what their exploring made: both are told of."""
        seen = observation_of(execution, self.config.observation_chars)
        if self.config.prompt is not Prompt.SHOWN:
            return seen
        silent = execution.ok and not execution.stdout.strip()
        changed = any(call.changed for call in execution.calls)
        return "\n".join([seen.rstrip(), *[NO_OUTPUT] * silent, *[UNDONE] * changed])

    def _may_explore(self) -> bool:
        return self.config.exploration and self.explored < self.config.exploration_steps

    def _spend(self, observation: str) -> Message | None:
        """One exploring turn is used up; after the last one only an answer counts."""
        if not self._may_explore():
            return None
        self.explored += 1
        return Message("user", observation if self._may_explore() else f"{observation}\n{LAST_STEP}")

    def _undo_exploring(self) -> None:
        """Each task that is handed in is judged on fresh worlds, and what comes after it begins in one."""
        if self.session is None or not self.touched:
            return
        self.session.close()
        self.session, self.touched = None, False
        self.world = self.proposal_context.arena.environment.open(self.context)

    def _make_answer(self, text: str) -> Message | None:
        draft = self._complete(self._read_draft(text))
        self._undo_exploring()
        self.incomplete = None
        if isinstance(draft, Draft) and self._repeats_example(draft):
            verdict = Verdict(Outcome.FAILED, Stage.NEW, "it repeats the example of the prompt", COPIED)
            self.proposal = self._make_proposal(verdict, raw=text)
        elif isinstance(draft, Draft):
            task = self._make_task(draft)
            verdict = self.proposal_context.judge(task, self.config.filters, self._get_min_failures())
            self.executions += int(verdict.diagnostics.get("executions", 0))
            self.tool_calls.append(verdict.diagnostics.get("tool_calls", {}))
            task = task.with_diagnostics(verdict.diagnostics)
            self.proposal = self._make_proposal(verdict, task, text, draft.forgiven)
        else:
            verdict = Verdict(Outcome.FAILED, draft.stage, draft.reason, draft.feedback or draft.reason)
            self.proposal = self._make_proposal(verdict, raw=text)
        self.judged += 1
        if verdict.outcome is not Outcome.FAILED or self.judged > self.config.revisions:
            return None
        if isinstance(draft, Draft) and verdict.stage == Stage.COMPLETE:
            self.incomplete = draft
            request = REPAIR.format(calls=draft.solution)
        else:
            request = f"{REVISE}\n{LOOK_FIRST}" if self._may_explore() else REVISE
        hint = self._find_hint(draft) if verdict.stage == Stage.SOLUTION_PASSED else ""
        return Message("user", f"Observation:\n{verdict.feedback}\n{hint}{request}")

    def _find_hint(self, draft: Draft | Refusal) -> str:
        """Small models compare a whole reading by heart, so they are told of a condition that is enough."""
        if self.config.prompt is not Prompt.SHOWN or isinstance(draft, Refusal):
            return ""
        arena = self.proposal_context.arena
        try:
            execution, world = run_piece(draft.solution, arena, self.context)
        except SandboxError:
            return ""  # a sandbox that fails costs the hint, and not the proposal
        condition = find_condition(arena.environment, self.context, execution.calls, world)
        return HINT.format(condition=condition) if condition else ""

    def _repeats_example(self, draft: Draft) -> bool:
        """Small models often hand in the example: one that was made for them, or was played before."""
        if self.exemplar is None and self.config.prompt is not Prompt.SHOWN:
            return False
        example = parse_answer(write_example(self.environment, self.exemplar))
        return isinstance(example, Draft) and normalised(draft.solution) == normalised(example.solution)

    def _read_draft(self, text: str) -> Draft | Refusal:
        """The task in an answer; an instruction alone mends the last task where that was incomplete."""
        draft = parse_answer(text, UNCHECKED if self.config.write_checks else CODE_AS_TASK)
        if isinstance(draft, Draft) or self.incomplete is None:
            return draft
        alone = parse_answer(text, INSTRUCTION)
        if isinstance(alone, Refusal):
            return alone
        self.repaired += 1
        return replace(self.incomplete, instruction=alone.instruction)

    def _complete(self, draft: Draft | Refusal) -> Draft | Refusal:
        if isinstance(draft, Refusal):
            return draft
        arena, seed = self.proposal_context.arena, self.request.seed
        if self.config.write_checks:
            return write_checks(draft, arena, self.context, seed)
        if self.config.complete_drafts and self.config.failures:
            return complete_draft(draft, arena, self.context, seed)
        return draft

    def _get_min_failures(self) -> int:
        return MIN_FAILURES if self.config.failures else 0

    def _make_task(self, draft: Draft) -> Task:
        environment = self.proposal_context.arena.environment
        instruction = environment.redact(draft.instruction, self.context)
        failures = draft.failures if self.config.failures else ()
        provenance: dict[str, Json] = {
            "synthesizer": "code_as_task",
            "round": self.request.round,
            "index": self.request.index,
            "seed": self.request.seed,
            "revisions": self.judged,
            "repaired": self.repaired,
            "redacted": instruction != draft.instruction,
            "footprint": self.config.footprint,
            "drawn_failures": draft.drawn,
            "written_checks": self.config.write_checks,
        }
        return Task(
            id=task_id(self.context, instruction, draft.evaluate, draft.solution, *failures),
            environment=environment.name,
            context=self.context,
            instruction=instruction,
            evaluate=draft.evaluate,
            solution=draft.solution,
            failures=failures,
            provenance=provenance,
        )

    def _make_proposal(
        self, verdict: Verdict, task: Task | None = None, raw: str = "", forgiven: tuple[str, ...] = ()
    ) -> Proposal:
        index, round_ = self.request.index, self.request.round
        return Proposal(index, round_, verdict, task, raw, self.judged, forgiven)

    def finish(self, cut: End | None, refusal: str = "") -> SceneResult:
        if self.session is not None:
            self.session.close()
        verdict = self.proposal.verdict
        if cut is End.LENGTH and not self.judged:
            verdict = replace(verdict, reason="no task was proposed before the context was full")
        if cut is End.REFUSED and not self.judged:
            verdict = replace(verdict, reason=f"no task was proposed: {refusal}")
        diagnostics = {
            "turns": self.turns,
            "explored": self.explored,
            "judged": self.judged,
            "executions": self.executions,
            "tool_calls": add_counts(self.tool_calls),
        }
        self.proposal = replace(self.proposal, verdict=verdict, diagnostics=diagnostics)
        could_not = verdict.outcome is Outcome.COULD_NOT_CHECK
        return SceneResult(
            cut or self.end,
            None if could_not else float(verdict.passed),
            verdict.reason,
            steps=self.turns,
            tool_calls=self.calls,
            invalid_actions=self.invalid,
        )
