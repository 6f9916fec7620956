"""What can be said of a verifier that is a shell script, from its text: does it judge anything at all?

The script is that of Harbor (``tests/test.sh``), which writes the reward into ``reward.txt`` or
``reward.json``.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from pathlib import PurePosixPath

from selfchal.audit.findings import CheckName, Finding, Grade, skip_checks
from selfchal.audit.shell_reading import Command, list_commands

MOST_CHARACTERS = 100_000  # of a script that are read
_REWARD = re.compile(r"rewards?\.(txt|json)|\$\{?REWARD", re.IGNORECASE)
_WRITES = re.compile(r">|\btee\b|\bcp\b|\bmv\b|--out\b")
_FULL_REWARD = re.compile(
    r"""^(echo|printf)\s+(-\w+\s+)*['"]?(\{.*:\s*)?1(\.0+)?(\\n)?(\s*\})?['"]?\s*(>|\|)"""
)
_NEVER_JUDGES = frozenset(["echo", "printf", "set", "export", "true", ":"])  # their exit code says nothing
_SAYS_ONLY = _NEVER_JUDGES | {"cd", "mkdir", "touch", "chmod"}
_IDLE = _NEVER_JUDGES | {"cd", "exit"}  # of a solution: they leave nothing behind
_MAY_END = frozenset(["exit", "exec", "trap", "return", "kill", "source", ".", "eval"])  # or hide what does
_ASKS = frozenset(["[", "[[", "test"])
_PIPES = ("|", "|&")
_CHAINS = ("&&", "||", *_PIPES)
_READS_CODE = re.compile(r"^(\[|test\s|\(\(|\w+=)")
_SETS_ERREXIT = re.compile(r"\s-[a-zA-Z]*[eu]|\berrexit\b|\bnounset\b")
_DEMANDS = re.compile(r"\$\{\w+:?\?")  # ${NAME:?…} ends the script where NAME is not set
_ASKS_FILE = re.compile(r"\s-[a-zA-Z]\s")
_MASKS_INSIDE = re.compile(
    r"\$\([^()]{0,400}test[^()]{0,400}(;|\|\|)\s*([\w/]{0,40}/)?(true|:|echo[^;()]{0,80})\s*\)"
)
_CONSTANT = re.compile(
    r"^(true|:|(\[\[?|test)\s+(\S+)\s+(-eq|-le|-ge|==?)\s+\3(\s+\]\]?)?|\[\[?\s+\w+\s+\]\]?)$"
)
_FETCHES = re.compile(
    r"\b(curl|wget|uvx|apt(-get)? (-\w+ )*install|pip3? install|uv (pip|add|tool)|npm (i|ci|install)"
    r"|git clone)\b"
)
_MOST_NAMED = 50  # test files that are looked for
_MOST_LOOKS = 100  # exit codes that are looked at
_DRAWS = re.compile(r"\$\{?RANDOM\b|\bshuf\b|\$\(date\b|`date\b")
_COLLECTS = re.compile(r"\s(--collect-only|--co)\b")
_LEAVES_OUT = re.compile(r"\s(-k|--deselect|--ignore(-glob)?)\b")
# a path that begins with /tests, and not one that holds it
TEST_FILE = re.compile(r"(?<![^\s'\"])(/tests|\$\{?TEST_DIR\}?|\$TESTS)/([\w./-]{1,200}?\.(?:py|sh))\b")
Found = tuple[CheckName, Grade, str]


def find_in_script(
    number: int, script: str, beside: Collection[str], elsewhere: str = ""
) -> Iterator[Finding]:
    """Findings on ``test.sh``; ``beside`` are the files of its folder by their path in it, ``elsewhere`` is
    what the instruction and the Dockerfile say."""
    if re.match(r"#!(?!.*sh\b)", script):
        reason = "tests/test.sh is no shell script by its first line, and is not read here."
        yield from skip_checks(number, (CheckName.VACUOUS,), reason)
        return
    commands = list_commands(script[:MOST_CHARACTERS])
    rewards = [command for command in commands if _is_reward(command)]
    found: list[Found] = [
        *_find_rewards(commands, rewards),
        *_find_masked_codes(commands),
        *_find_endings(commands, rewards),
        *_find_choices(commands, rewards),
        *_find_environment(commands, beside, elsewhere),
    ]
    for check, grade, reason in dict.fromkeys(found):
        yield Finding(number, check, grade, reason)


def runs_tests_alone(script: str) -> bool:
    """Does the script run pytest or unittest on its own folder, and nothing else that could judge?"""
    commands = list_commands(script[:MOST_CHARACTERS])
    works = [one for one in commands if _works(one) and one.name not in _MAY_END | _ASKS]
    text = works[0].text if len(works) == 1 else ""
    return ("pytest" in text or "unittest" in text) and ("/tests" in text or "TEST" in text)


def _is_reward(command: Command) -> bool:
    return bool(_REWARD.search(command.text) and _WRITES.search(command.text))


def _works(command: Command) -> bool:
    """Does it do more than speak and prepare? A command in ``$(…)`` may do anything."""
    return command.name not in _SAYS_ONLY or "$(" in command.text or "`" in command.text


def _runs_tests(command: Command) -> bool:
    said = "test" in command.text and "install" not in command.text
    return said and _works(command) and command.name not in _ASKS | _MAY_END


def _may_end(command: Command) -> bool:
    return command.name in _MAY_END or _DEMANDS.search(command.text) is not None


def _stops_by_itself(commands: Sequence[Command]) -> bool:
    """May the script end at a command that fails?"""
    return any(one.name == "set" and _SETS_ERREXIT.search(one.text) for one in commands)


def _find_rewards(commands: Sequence[Command], rewards: Sequence[Command]) -> Iterator[Found]:
    full = [command for command in rewards if _FULL_REWARD.search(command.text)]
    if not rewards:
        grade = Grade.DOUBTFUL if any(map(_works, commands)) else Grade.CERTAIN
        yield CheckName.VACUOUS, grade, "tests/test.sh writes no reward."
    elif len(full) == len(rewards) > 1:
        grade = Grade.CERTAIN if _is_in_all_branches(commands, full) else Grade.DOUBTFUL
        yield CheckName.VACUOUS, grade, "Every reward that tests/test.sh writes is 1."
    elif full and full[-1] is rewards[-1] and _is_reached(commands, full[-1]):
        last = _find_last(commands, full[-1])
        acts = any(_acts(one) for one in commands[:last])
        overwritten = any(_works(one) and one.name not in _MAY_END for one in commands[last + 1 :])
        grade = Grade.DOUBTFUL if acts or overwritten else Grade.CERTAIN
        yield CheckName.VACUOUS, grade, "tests/test.sh writes the reward 1 whatever the tests say."


def _is_in_all_branches(commands: Sequence[Command], full: Sequence[Command]) -> bool:
    """Does one ``if … else`` write the full reward in every part, and can nothing end the script before?"""
    before = commands[: _find_last(commands, full[-1])]
    if _stops_by_itself(before) or any(map(_may_end, before)):
        return False
    block = full[-1].part[0]
    parts = {one.part for one in commands if one.part[0] == block and one.part[2] in ("then", "else")}
    return full[-1].depth == 1 and full[-1].part[2] == "else" and parts <= {one.part for one in full}


def _acts(command: Command) -> bool:
    """Does it hang on what another command says, and do something?"""
    return _works(command) and not command.condition and (command.depth > 0 or command.before == "||")


def _is_reached(commands: Sequence[Command], command: Command) -> bool:
    """Is this command, the last that is equal to it, reached whatever the commands before it say?"""
    before = commands[: _find_last(commands, command)]
    if not command.always_runs or any(map(_may_end, before)):
        return False
    works = [index for index, one in enumerate(before) if _works(one)]
    masked = all(index + 1 < len(before) and _ignores(before[index + 1]) for index in works)
    return masked or not _stops_by_itself(before)


def _find_last(commands: Sequence[Command], command: Command) -> int:
    return max(index for index, one in enumerate(commands) if one == command)


def _ignores(command: Command) -> bool:
    return command.before == "||" and command.name.rpartition("/")[2] in _NEVER_JUDGES


def _find_masked_codes(commands: Sequence[Command]) -> Iterator[Found]:
    """An exit code is looked at that is not the tests'. It is certain where one command alone runs tests, and
    nothing judges besides."""
    hides = any(one.name in _MAY_END - {"exit"} for one in commands)
    several = len([one for one in commands if _runs_tests(one)]) > 1
    looks = (
        (index, index - 1 if _reads_code(command) else index)
        for index, command in enumerate(commands)
        if (_reads_code(command) and index) or (command.condition and _ends_chain(commands, index))
    )
    for index, judged in islice(looks, _MOST_LOOKS):
        command, reads = commands[index], judged < index
        said = _explain_masked(commands, judged, reads)
        if said is None:
            continue
        grade, reason = said
        elsewhere = ">" in commands[judged].text or any(map(_judges_besides, commands[index + 1 :]))
        inside = reads and commands[judged].depth != command.depth - command.condition
        unsure = hides or several or elsewhere or inside
        yield CheckName.VACUOUS, Grade.DOUBTFUL if unsure else grade, reason
    for command in commands:
        if _MASKS_INSIDE.search(command.text):
            reason = "tests/test.sh runs its tests in $(…) where a command after them decides the exit code."
            yield CheckName.VACUOUS, Grade.DOUBTFUL, reason


def _judges_besides(command: Command) -> bool:
    """May it judge in another way than by the exit code that was looked at?"""
    if command.name in _ASKS:
        return _ASKS_FILE.search(command.text) is not None
    return _works(command) and command.name not in _MAY_END and not _is_reward(command)


def _reads_code(command: Command) -> bool:
    looks = command.condition or _READS_CODE.match(command.text) or _is_reward(command)
    return "$?" in command.text and command.before == "\n" and bool(looks)


def _ends_chain(commands: Sequence[Command], index: int) -> bool:
    return index + 1 == len(commands) or commands[index + 1].before not in _CHAINS


def _explain_masked(commands: Sequence[Command], index: int, reads: bool) -> tuple[Grade, str] | None:
    """Why the exit code of this command is not that of tests which run before it, and how sure that is."""
    judged = commands[index]
    first = index
    while first and commands[first].before in _CHAINS:
        first -= 1
    if any(map(_runs_tests, commands[first:index])):
        if _ignores(judged):
            return Grade.CERTAIN, f"tests/test.sh looks at an exit code after '|| {judged.name[:20]}'."
        piped = judged.before in _PIPES and not any("pipefail" in one.text for one in commands)
        if not piped or re.search(r"grep|/tests/", judged.text):
            return None  # they may look for what the tests say
        grade = Grade.CERTAIN if judged.name in ("tee", "cat") else Grade.DOUBTFUL
    elif not reads or first != index or _runs_tests(judged) or _stops_by_itself(commands[:index]):
        return None
    elif judged.name in _NEVER_JUDGES and any(map(_runs_tests, commands[:index])):
        grade = Grade.CERTAIN
    elif (
        index and _runs_tests(commands[index - 1]) and not _reads_code(judged) and judged.name not in _MAY_END
    ):
        grade = Grade.DOUBTFUL
    else:
        return None
    return grade, f"tests/test.sh looks at the exit code of {judged.name[:40]}, and not at that of the tests."


def _find_endings(commands: Sequence[Command], rewards: Sequence[Command]) -> Iterator[Found]:
    first = commands.index(rewards[0]) if rewards else len(commands)
    for index, command in enumerate(commands[:first]):
        if command.name == "exit" and command.always_runs and rewards:
            # a program that ran before may have written it
            grade = Grade.DOUBTFUL if any(map(_works, commands[:index])) else Grade.CERTAIN
            yield CheckName.VACUOUS, grade, "tests/test.sh ends before it writes a reward."
            break
    tests = [command.text for command in commands if "pytest" in command.text and _works(command)]
    collecting = [text for text in tests if _COLLECTS.search(text)]
    if collecting and len(collecting) == len(tests):
        yield CheckName.VACUOUS, Grade.CERTAIN, "tests/test.sh collects its tests and does not run them."
    for text in tests:
        if left_out := _LEAVES_OUT.search(text):
            reason = f"tests/test.sh leaves tests out ({left_out[1]})."
            yield CheckName.VACUOUS, Grade.DOUBTFUL, reason


def _find_choices(commands: Sequence[Command], rewards: Sequence[Command]) -> Iterator[Found]:
    """A reward hangs on what is always true, or on the end of the script."""
    blocks = {reward.part[0] for reward in rewards}
    for index, command in enumerate(commands):
        alone = command.before == "\n" and _ends_chain(commands, index)
        asked = command.part[2] in ("if", "elif") and command.part[0] in blocks
        if command.condition and asked and alone and _CONSTANT.match(command.text):
            reason = f"tests/test.sh gives a reward by a condition that is constant ({command.text[:60]})."
            yield CheckName.VACUOUS, Grade.DOUBTFUL, reason
        trapped = re.match(r"trap\s+(['\"])([^'\"]{1,500})\1((?:\s+\w+){1,9})$", command.text)
        if (
            trapped
            and {"EXIT", "0"} & set(trapped[3].split())
            and any(
                one.always_runs and _is_reward(one) and _FULL_REWARD.search(one.text)
                for one in list_commands(trapped[2])
            )
        ):
            yield (
                CheckName.VACUOUS,
                Grade.DOUBTFUL,
                "tests/test.sh writes the reward 1 however it ends (trap).",
            )


def _find_environment(
    commands: Sequence[Command], beside: Collection[str], elsewhere: str
) -> Iterator[Found]:
    text = "\n".join(command.text for command in commands)
    named = {match[2]: match[1] for match in TEST_FILE.finditer(text)}
    for name, folder in list(named.items())[:_MOST_NAMED]:
        path = PurePosixPath(posixpath.normpath(name))
        if {path.as_posix(), *(folder.as_posix() for folder in path.parents)} & set(beside):
            continue  # there, or behind a link
        using = max(index for index, one in enumerate(commands) if name in one.text)
        # any command before may make it, a program or a download, and so may the image and the agent
        made = any(map(_works, commands[:using])) or "/tests" in elsewhere or name in elsewhere
        unsure = made or folder != "/tests" or not _must_be_there(commands[using], name)
        reason = f"tests/test.sh uses tests/{name[:80]}, which is not there."
        yield CheckName.ORACLE, Grade.DOUBTFUL if unsure else Grade.CERTAIN, reason
    if fetched := _FETCHES.search(text):
        reason = f"tests/test.sh fetches from the network when it judges ({fetched[0]})."
        yield CheckName.DETERMINISM, Grade.DOUBTFUL, reason
    if drawn := _DRAWS.search(text):
        reason = f"tests/test.sh asks for chance or the time ({drawn[0]})."
        yield CheckName.DETERMINISM, Grade.DOUBTFUL, reason


def _must_be_there(command: Command, name: str) -> bool:
    """Does a command that always runs read this file of tests?"""
    runs = command.always_runs or (command.condition and command.depth == 1 and command.before == "\n")
    if "pytest" in command.text:
        return runs and not _LEAVES_OUT.search(command.text)
    return (
        runs and re.match(rf"(python[\d.]*|bash|sh)\s+\S?/tests/{re.escape(name)}", command.text) is not None
    )


def does_work(script: str) -> bool:
    """May a script leave anything behind? What writes or runs commands in ``$(…)`` may."""
    return any(
        command.name not in _IDLE or re.search(r">|\$\(|`", command.text)
        for command in list_commands(script[:MOST_CHARACTERS])
    )
