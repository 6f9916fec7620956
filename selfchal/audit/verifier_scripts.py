"""What can be said of a verifier that is a shell script, from its text: does it judge anything at all?

The script is that of Harbor (``tests/test.sh``), which writes the reward into ``reward.txt`` or
``reward.json``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

from selfchal.audit.findings import CheckName, Finding, Grade
from selfchal.audit.shell_reading import Command, list_commands

MOST_CHARACTERS = 100_000  # of a script that are read
_REWARD = re.compile(r"rewards?\.(txt|json)|\$\{?REWARD", re.IGNORECASE)
_WRITES = re.compile(r">|\btee\b|\bcp\b|\bmv\b|--out\b")
_FULL_REWARD = re.compile(
    r"""^(echo|printf)\s+(-\w+\s+)*['"]?(\{.*:\s*)?1(\.0+)?(\\n)?(\s*\})?['"]?\s*(>|\|)"""
)
_NEVER_FAILS = re.compile(r"^(true|:)(\s|$)")
_NEVER_JUDGES = frozenset(["echo", "printf", "set", "export", "true", ":"])  # their exit code says nothing
_SAYS_ONLY = _NEVER_JUDGES | {"cd", "mkdir", "touch", "chmod"}
_MAY_END = frozenset(["exit", "exec", "trap", "return"])
_READS_CODE = re.compile(r"^(\[|test\s|\(\(|\w+=)")
_FETCHES = re.compile(
    r"\b(curl|wget|uvx|apt(-get)? (-\w+ )*install|pip3? install|uv (pip|add|tool)|npm (i|ci|install)"
    r"|git clone)\b"
)
_MAKES = re.compile(r">|\b(cp|mv|tee|ln|unzip|tar|git)\b|\s-o\b")
_MOST_NAMED = 50  # test files that are looked for
_DRAWS = re.compile(r"\$\{?RANDOM\b|\bshuf\b|\$\(date\b|`date\b")
_COLLECTS = re.compile(r"\s(--collect-only|--co)\b")
_TEST_FILE = re.compile(r"(?:/tests|\$\{?TEST_DIR\}?|\$TESTS)/([\w./-]{1,200}?\.(?:py|sh))\b")


def find_in_script(number: int, script: str, beside: Collection[str]) -> Iterator[Finding]:
    """Findings on ``test.sh``; ``beside`` are the files of its folder by their path in it."""
    commands = list_commands(script[:MOST_CHARACTERS])
    rewards = [command for command in commands if _is_reward(command)]
    for check, grade, reason in [
        *_find_rewards(commands, rewards, re.search(r"\belse\b", script) is not None),
        *_find_masked_codes(commands),
        *_find_endings(commands, rewards),
        *_find_environment(commands, beside),
    ]:
        yield Finding(number, check, grade, reason)


Found = tuple[CheckName, Grade, str]


def _is_reward(command: Command) -> bool:
    return bool(_REWARD.search(command.text) and _WRITES.search(command.text))


def _find_rewards(
    commands: Sequence[Command], rewards: Sequence[Command], otherwise: bool
) -> Iterator[Found]:
    full = [command for command in rewards if _FULL_REWARD.search(command.text)]
    if not rewards:
        works = any(command.name not in _SAYS_ONLY for command in commands)
        grade = Grade.DOUBTFUL if works else Grade.CERTAIN
        yield CheckName.VACUOUS, grade, "tests/test.sh writes no reward."
    elif len(full) == len(rewards) > 1:
        grade = Grade.CERTAIN if otherwise else Grade.DOUBTFUL
        yield CheckName.VACUOUS, grade, "Every reward that tests/test.sh writes is 1."
    elif full and full[-1] is rewards[-1] and _is_certain(commands, full[-1]):
        after = commands[_find_last(commands, full[-1]) + 1 :]
        overwritten = any(command.name not in _SAYS_ONLY | _MAY_END for command in after)
        grade = Grade.DOUBTFUL if overwritten else Grade.CERTAIN
        yield CheckName.VACUOUS, grade, "tests/test.sh writes the reward 1 whatever the tests say."


def _is_certain(commands: Sequence[Command], command: Command) -> bool:
    """Is this command, the last that is equal to it, reached whatever the commands before it say?"""
    before = commands[: _find_last(commands, command)]
    if not command.always_runs or any(one.name in _MAY_END for one in before):
        return False
    stops = any(one.name == "set" and re.search(r"\s-\w*e", one.text) for one in before)
    works = [index for index, one in enumerate(before) if one.name not in _SAYS_ONLY]
    masked = all(index + 1 < len(before) and _ignores(before[index + 1]) for index in works)
    return not stops or masked


def _find_last(commands: Sequence[Command], command: Command) -> int:
    return max(index for index, one in enumerate(commands) if one == command)


def _ignores(command: Command) -> bool:
    return command.before == "||" and bool(_NEVER_FAILS.match(command.text))


def _find_masked_codes(commands: Sequence[Command]) -> Iterator[Found]:
    """An exit code is looked at that is not the tests'."""
    pipefail = any("pipefail" in command.text for command in commands)
    for index, command in enumerate(commands):
        last = commands[index - 1] if index else None
        looks = command.condition or _READS_CODE.match(command.text) or _is_reward(command)
        reads = last is not None and "$?" in command.text and command.before == "\n" and bool(looks)
        judged = last if reads else command if command.condition else None
        if judged is None:
            continue
        if _ignores(judged):
            yield CheckName.VACUOUS, Grade.CERTAIN, "tests/test.sh looks at an exit code after '|| true'."
            continue
        piped = judged.before in ("|", "|&") and not pipefail and judged.name in ("tee", "cat")
        if piped or (reads and judged.name in _NEVER_JUDGES and judged.before == "\n"):
            reason = f"tests/test.sh looks at the exit code of {judged.name}, and not at that of the tests."
            yield CheckName.VACUOUS, Grade.CERTAIN, reason


def _find_endings(commands: Sequence[Command], rewards: Sequence[Command]) -> Iterator[Found]:
    first = commands.index(rewards[0]) if rewards else len(commands)
    for command in commands[:first]:
        if command.name == "exit" and command.always_runs and rewards:
            yield CheckName.VACUOUS, Grade.CERTAIN, "tests/test.sh ends before it writes a reward."
    for command in commands:
        if "pytest" in command.text and _COLLECTS.search(command.text):
            yield CheckName.VACUOUS, Grade.CERTAIN, "tests/test.sh collects its tests and does not run them."


def _find_environment(commands: Sequence[Command], beside: Collection[str]) -> Iterator[Found]:
    text = "\n".join(command.text for command in commands)
    making = [command.text for command in commands if _MAKES.search(command.text)]
    for name in list(dict.fromkeys(_TEST_FILE.findall(text)))[:_MOST_NAMED]:
        if name not in beside and not any(name in made for made in making):
            reason = f"tests/test.sh uses tests/{name[:80]}, which is not there."
            yield CheckName.ORACLE, Grade.CERTAIN, reason
    if fetched := _FETCHES.search(text):
        reason = f"tests/test.sh fetches from the network when it judges ({fetched[0]})."
        yield CheckName.DETERMINISM, Grade.DOUBTFUL, reason
    if drawn := _DRAWS.search(text):
        reason = f"tests/test.sh asks for chance or the time ({drawn[0]})."
        yield CheckName.DETERMINISM, Grade.DOUBTFUL, reason


def does_work(script: str) -> bool:
    """Does a script do more than speak and end?"""
    idle = _SAYS_ONLY | {"exit"}
    return any(
        command.name not in idle or (command.name in ("echo", "printf", "touch") and ">" in command.text)
        for command in list_commands(script[:MOST_CHARACTERS])
    ) or bool(re.search(r"<<|^[ \t]*(touch|mkdir)\b", script, re.MULTILINE))
