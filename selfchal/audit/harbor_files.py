"""What the files of a Harbor task say of it, without running any: parts, leaks, container, tests, demands."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from selfchal.audit.findings import CheckName, Finding, Grade, skip_checks
from selfchal.audit.pytest_settings import find_in_settings
from selfchal.audit.python_tests import (
    TestFile,
    find_in_tests,
    list_existing,
    list_named_files,
    may_be_helped,
    parse_tests,
)
from selfchal.audit.verifier_scripts import TEST_FILE, does_work, find_in_script, runs_tests_alone

Texts = Mapping[str, str | None]
_READABLE = "(a regular file of 1 MiB at most; links are not followed)"
_READ = (CheckName.VACUOUS, CheckName.HIDDEN_DEMAND, CheckName.LEAK)
_SHORTEST_LEAK = 20  # characters of a file that counts as the same
_MOST_TESTS = 50  # Python files of tests that are parsed
_NAMED = 5  # files that a reason names
_SCRIPTS = (".sh", ".py", ".patch", ".diff")
_FROM = re.compile(r"^FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?", re.IGNORECASE | re.MULTILINE)
_COPIES = re.compile(r"^(?:COPY|ADD)\s.*\b(solution|tests)\b", re.IGNORECASE | re.MULTILINE)


def find_in_files(number: int, texts: Texts) -> Iterator[Finding]:
    """All findings on one task; ``texts`` are its files by their path."""
    if unread := _explain_unread(texts):
        yield from skip_checks(number, _READ, unread)
        return
    yield from _find_missing_parts(number, texts)
    yield from _find_leaks(number, texts)
    yield from _find_in_container(number, texts)
    yield from _find_in_verifier(number, texts)


def _explain_unread(texts: Texts) -> str:
    """Which kinds of tasks are not read here; empty for one that is."""
    if any(name.startswith("steps/") for name in texts):
        return "It has several steps, and such tasks are not read here."
    return "Its scripts are for Windows, and are not read here." if "tests/test.bat" in texts else ""


def _find_missing_parts(number: int, texts: Texts) -> Iterator[Finding]:
    instruction = texts.get("instruction.md")
    if instruction is None:
        reason = f"There is no instruction.md that can be read {_READABLE}."
        yield Finding(number, CheckName.READABLE, Grade.CERTAIN, reason)
    elif not instruction.strip():
        yield Finding(number, CheckName.HIDDEN_DEMAND, Grade.CERTAIN, "The instruction is empty.")
    solution = texts.get("solution/solve.sh")
    if solution is None:
        reason = (
            f"There is no solution/solve.sh that can be read {_READABLE}: nobody shows that it can be solved."
        )
        yield Finding(number, CheckName.ORACLE, Grade.DOUBTFUL, reason)
    elif not does_work(solution):
        reason = "solution/solve.sh does nothing: either it does not pass, or doing nothing passes."
        yield Finding(number, CheckName.ORACLE, Grade.CERTAIN, reason)


def _find_leaks(number: int, texts: Texts) -> Iterator[Finding]:
    """The agent's container holds what only the verifier may hold."""
    secret = {
        text.strip(): name
        for name, text in texts.items()
        if text
        and name.startswith(("solution/", "tests/"))
        and name.endswith(_SCRIPTS)
        and len(text.strip()) >= _SHORTEST_LEAK
    }
    for name, text in texts.items():
        if name.startswith("environment/") and text and (same := secret.get(text.strip())):
            reason = f"{name[:80]}, which the agent's container is built with, is {same[:80]}."
            # a solution may bring whole files of which it changes others
            grade = Grade.CERTAIN if same == "solution/solve.sh" else Grade.DOUBTFUL
            yield Finding(number, CheckName.LEAK, grade, reason)
    if copied := _COPIES.search(texts.get("environment/Dockerfile") or ""):
        reason = f"The Dockerfile copies {copied[1]} into the agent's container."
        yield Finding(number, CheckName.LEAK, Grade.DOUBTFUL, reason)


def _find_in_container(number: int, texts: Texts) -> Iterator[Finding]:
    dockerfile = texts.get("environment/Dockerfile")
    if dockerfile is None:
        composed = any(name.startswith("environment/docker-compose") for name in texts)
        if not composed and "docker_image" not in (texts.get("task.toml") or ""):
            reason = f"There is no environment/Dockerfile that can be read {_READABLE}."
            yield Finding(number, CheckName.ORACLE, Grade.DOUBTFUL, reason)
        return
    stages = {match[2] for match in _FROM.finditer(dockerfile) if match[2]}
    for match in _FROM.finditer(dockerfile):
        image = match[1]
        if image in stages or image == "scratch" or "@" in image or "$" in image:
            continue
        name, _, tag = image.rpartition("/")[2].partition(":")
        if not name or tag in ("", "latest"):
            reason = f"The Dockerfile builds on {image[:80]}, which is another image on another day."
            yield Finding(number, CheckName.DETERMINISM, Grade.DOUBTFUL, reason)


def _find_in_verifier(number: int, texts: Texts) -> Iterator[Finding]:
    script = texts.get("tests/test.sh")
    beside = {name.removeprefix("tests/"): text for name, text in texts.items() if name.startswith("tests/")}
    if script is None:
        reason = f"There is no tests/test.sh that can be read {_READABLE}."
        yield Finding(number, CheckName.VACUOUS, Grade.CERTAIN, reason)
        return
    elsewhere = "\n".join(texts.get(name) or "" for name in ("instruction.md", "environment/Dockerfile"))
    yield from find_in_script(number, script, beside.keys(), elsewhere)
    readable = {name: text for name, text in beside.items() if text is not None}
    settings = list(find_in_settings(number, readable))
    yield from settings
    python = {name: text for name, text in readable.items() if name.endswith(".py")}
    files = parse_tests(dict(list(python.items())[:_MOST_TESTS]))
    alone = runs_tests_alone(script)
    sure = alone and not settings and len(files) == len(python)
    yield from find_in_tests(number, files, _list_run_tests(script), sure)
    yield from _find_existing(number, texts, files, alone)
    yield from _find_hidden_files(number, texts, files)


def _list_run_tests(script: str) -> set[str]:
    """The files of tests that pytest is told to run."""
    lines = script.replace("\\\n", " ").split("\n")
    return {match[2] for line in lines if "pytest" in line for match in TEST_FILE.finditer(line)}


def _find_existing(number: int, texts: Texts, files: list[TestFile], alone: bool) -> Iterator[Finding]:
    """All that the tests ask for is there before the agent begins. ``alone``: nothing else judges."""
    wanted = list_existing(files)
    dockerfile = texts.get("environment/Dockerfile") or ""
    if wanted and all(_is_made(path, dockerfile) for path in wanted):
        reason = "The tests ask only whether files exist that the Dockerfile makes."
        helped = any(may_be_helped(file, function) for file in files for function in file.functions)
        unsure = helped or not alone or re.search(r"\brm\b", dockerfile)
        grade = Grade.DOUBTFUL if unsure else Grade.CERTAIN
        yield Finding(number, CheckName.NO_OP, grade, reason)


def _is_made(path: str, dockerfile: str) -> bool:
    lines = dockerfile.split("\n")
    touched = any("touch" in line and path in line.split() for line in lines)
    return touched or bool(re.search(rf"> ?{re.escape(path)}(\s|$)", dockerfile))


def _find_hidden_files(number: int, texts: Texts, files: list[TestFile]) -> Iterator[Finding]:
    """Files that the tests look at, and that neither the instruction nor the container names."""
    told = texts.get("instruction.md") or ""
    inside = " ".join(name for name in texts if name.startswith(("environment/", "tests/")))
    dockerfile = texts.get("environment/Dockerfile") or ""
    hidden = [
        name
        for name in list_named_files(files)
        if not any(name in text for text in (told, inside, dockerfile))
    ]
    if hidden and told.strip():
        named = ", ".join(name[:60] for name in hidden[:_NAMED])
        reason = f"The tests look at {named}, which the instruction does not name."
        yield Finding(number, CheckName.HIDDEN_DEMAND, Grade.DOUBTFUL, reason)
