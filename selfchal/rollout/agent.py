"""The agent's scene: CodeAct in a sandbox session, until an answer, the user's goodbye, or no step is left.

Paper, section 5.1: a thought, then either executable Python that calls tools or a reply; observations
are what the code printed or what the simulated user said; 15 steps at most.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files

from selfchal.core.arena import Arena
from selfchal.core.environment import Chat, Environment, User
from selfchal.core.episode import End, Reward, SceneResult
from selfchal.core.model import Message
from selfchal.core.sandbox import Execution, Session, Status
from selfchal.core.world import Json, ToolSpec, World
from selfchal.rollout.actions import Act, Malformed, Say, parse_turn
from selfchal.rollout.tool_calls import ActionFormat, Invocations, Invoke, parse_tool_turn, tool_schema

PROMPTS: Mapping[ActionFormat, str] = {"code": "agent.txt", "tools": "agent_tools.txt"}
CLOSINGS = {
    True: "When you know it, give the final answer, a value and nothing else:\nAnswer: <value>",
    False: "To speak to the user, write:\nAnswer: <what you say>",
}


@dataclass(frozen=True)
class AgentConfig:
    """Where agents act, how, and the bounds of an episode. ``chat``: the model that plays simulated users."""

    arena: Arena
    max_steps: int = 15
    observation_chars: int = 10_000
    chat: Chat | None = None
    action_format: ActionFormat = "code"


Grade = Callable[[World, str | None, Sequence[str]], Reward]  # final world, answer, replies to the user


@dataclass
class AgentScene:
    """One episode of one task. ``grade`` rewards its end."""

    name: str
    instruction: str
    context: Mapping[str, Json]
    config: AgentConfig
    grade: Grade
    world: World = field(init=False)
    user: User | None = field(init=False, default=None)
    session: Session | None = field(init=False, default=None)
    end: End = field(init=False, default=End.STEPS)
    answer: str | None = field(init=False, default=None)
    replies: list[str] = field(init=False, default_factory=list)
    steps: int = field(init=False, default=0)
    calls: int = field(init=False, default=0)
    invalid: int = field(init=False, default=0)
    forgiven: int = field(init=False, default=0)
    failure: str = field(init=False, default="")

    @property
    def environment(self) -> str:
        return self.config.arena.environment.name

    def start(self) -> list[Message]:
        environment = self.config.arena.environment
        self.world = environment.open(self.context)
        self.user = environment.user(self.instruction, self.context, self.config.chat)
        said = self.user.open() if self.user else self.instruction
        system = system_prompt(environment, self.config.max_steps, self.config.action_format)
        return first_messages(system, said, environment.initial_observation(self.context))

    def step(self, text: str) -> Message | None:
        self.steps += 1
        tools = self.config.arena.environment.tools
        turn = parse_turn(text) if self.config.action_format == "code" else parse_tool_turn(text, tools)
        self.forgiven += isinstance(turn, Act | Say) and bool(turn.forgiven)
        if isinstance(turn, Malformed):
            self.invalid += 1
            observation: str | None = turn.reminder
        elif isinstance(turn, Act):
            observation = self._act(turn.code)
        elif isinstance(turn, Invocations):
            observation = self._invoke_all(turn.calls)
        else:
            observation = self._say(turn.text)
        if observation is None or self.steps >= self.config.max_steps:
            return None
        return Message("user", observation)

    def _act(self, code: str) -> str | None:
        if self.session is None:
            self.session = self.config.arena.sandbox.session(self.world, self.config.arena.limits)
        execution = self.session.run(code)
        self.calls += len(execution.calls)
        self.invalid += not execution.ok
        if execution.status is Status.INFRA_ERROR:
            self.end, self.failure = End.INFRA, execution.error or "the sandbox failed"
            return None
        if self.world.ended:
            self.end = End.TOOL
            return None
        return observation_of(execution, self.config.observation_chars)

    def _invoke_all(self, calls: Sequence[Invoke]) -> str | None:
        """The native tool calls of a turn, until one of them ends the episode."""
        seen = []
        for call in calls:
            answered = self._invoke(call)
            if answered is None:
                return None
            seen.append(answered)
        return "\n".join(seen)

    def _invoke(self, call: Invoke) -> str | None:
        """One native tool call. It runs no code of the agent, so it needs no sandbox."""
        result = self.world.call(call.name, (), call.arguments)
        self.calls += 1
        self.invalid += not result.ok
        if self.world.ended:
            self.end = End.TOOL
            return None
        seen = _cut(self.world.show(result), self.config.observation_chars)
        return f"<tool_response>\n{seen}\n</tool_response>"

    def _say(self, text: str) -> str | None:
        if self.user is None:
            self.end, self.answer = End.ANSWER, text
            return None
        self.replies.append(text)
        heard = self.user.reply(text)
        if heard is None:
            self.end = End.STOP
        return heard

    def finish(self, cut: End | None, refusal: str = "") -> SceneResult:
        if self.session is not None:
            self.session.close()
        end = cut or self.end
        reward = self._compute_reward(end, refusal)
        return SceneResult(
            end,
            reward.value,
            reward.reason,
            answer=self.answer,
            replies=self.replies,
            steps=self.steps,
            tool_calls=self.calls,
            invalid_actions=self.invalid,
            forgiven_turns=self.forgiven,
        )

    def _compute_reward(self, end: End, refusal: str) -> Reward:
        """``refusal`` is what an endpoint said that would not go on with the conversation.

        Before the agent's first turn nothing of the agent can be the cause, so the episode is not judged
        (CONTRIBUTING.md#invariant-2). Later its own words are part of what was refused, and the episode has
        failed. Otherwise an agent could leave the score by provoking a filter or filling the context.
        """
        if end is End.INFRA:
            return Reward(None, self.failure)
        if end is End.REFUSED:
            return Reward(0.0 if self.steps else None, refusal)
        if end in (End.STEPS, End.LENGTH):
            return Reward(0.0, "no step was left" if end is End.STEPS else "the context is full")
        return self.grade(self.world, self.answer, self.replies)


def observation_of(execution: Execution, limit: int) -> str:
    """What the agent sees of an execution: what it printed, then its error, cut at ``limit`` characters."""
    error = execution.error or ""
    if not execution.ok and execution.status is not Status.EXCEPTION:
        error = f"The code was stopped ({execution.status}): {error}"
    text = "\n".join(part for part in (execution.stdout.rstrip("\n"), error.rstrip("\n")) if part)
    return f"Observation:\n{_cut(text, limit)}"


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]}...\n[output truncated]"


def first_messages(system: str, said: str, seen: str) -> list[Message]:
    """What an agent reads before its first turn: the rules, what the user ``said``, and what is to be
    ``seen`` of the world, if anything is."""
    return [Message("system", system), Message("user", f"{said}\n\n{seen}" if seen else said)]


def system_prompt(environment: Environment, steps: int, action_format: ActionFormat = "code") -> str:
    describe = describe_tool if action_format == "code" else tool_schema
    prompt = files("selfchal.rollout") / "prompts" / PROMPTS[action_format]
    return prompt.read_text().format(
        policy=environment.policy,
        tools="\n".join(describe(tool) for tool in environment.tools),
        closing=CLOSINGS[environment.answer_required],
        steps=steps,
    )


def describe_tool(tool: ToolSpec) -> str:
    """The tool as a model reads it: its call form, what it does, what its arguments are."""
    lines = [tool.signature, f"    {tool.description}"]
    properties: Mapping[str, Json] = tool.parameters.get("properties", {})
    lines += [
        f"    {name}: {schema['description']}"
        for name, schema in properties.items()
        if "description" in schema
    ]
    return "\n".join(lines)
