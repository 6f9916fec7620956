"""Faults planted in sound tasks, one class each. A planter gives None where its fault would be none."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace

from planted.sound import Sound, run, verdict
from selfchal.core.environment import Environment
from selfchal.core.task import Task

Planter = Callable[[Environment, Sound, random.Random], Task | None]

# What a sentence of an instruction says that the task hangs on. Removing one leaves a choice open.
DETAILS: Mapping[str, tuple[str, ...]] = {
    "retail": (
        r" for the one with [^.,]*(?:, (?!and |because)\w+ [^,.]*)*",
        r" the (?:[A-Z]\w+ ?)+(?= of your| that you)",
        r"\d+ [A-Z]\w+ (?:Street|Avenue|Road|Lane|Drive|Boulevard|Court|Way|Place)",
        r" \d{5}(?=[.,;]| and|$)",
    ),
    "airline": (
        r" \d+ checked bags?",
        r" from [A-Z][\w. ]+ \([A-Z]{3}\) to [A-Z][\w. ]+ \([A-Z]{3}\)",
        r", born \d{4}-\d{2}-\d{2}",
        r" to (?:economy|business|basic economy)",
        r" on 2024-\d{2}-\d{2}",
    ),
    "calculation": (r"'[^']+'", r"(?<![\w.'])\d+(?:\.\d+)?(?![\w'])"),
}


FLAGS = defaultdict(lambda: re.NOFLAG, web_browsing=re.IGNORECASE)


def detail_removed(environment: Environment, sound: Sound, rng: random.Random) -> Task | None:
    """A detail is gone from the instruction, and no other place of it says the same."""
    text = sound.task.instruction
    patterns = list(DETAILS.get(environment.name) or _list_page_names(sound.task))
    rng.shuffle(patterns)
    for pattern in patterns:
        spans = [match.span() for match in re.finditer(pattern, text, FLAGS[environment.name])]
        rng.shuffle(spans)
        for start, end in spans:
            gone = text[start:end].strip()
            rest = f"{text[:start]} {text[end:]}"
            if gone in rest or not _needed(sound.task, gone) or _named_otherwise(text, start, end):
                continue
            return replace(sound.task, instruction=" ".join(rest.split()))
    return None


def _list_page_names(task: Task) -> list[str]:
    """How the instruction names the pages at the end of the solution's way."""
    pages = re.findall(r"click_url\('[^']*/([^'/]+)'\)", task.solution)
    return [r"(?:the )?" + r"\W{0,2}s?\W?".join(map(re.escape, page.split("_"))) for page in pages[-1:]]


def _needed(task: Task, gone: str) -> bool:
    """Retail's zip and street count where an address is set, not where they say who is speaking."""
    if re.fullmatch(r"\d{5}|\d+ [A-Z].*", gone):
        return gone in task.solution and "find_user_id_by_name_zip" not in task.solution
    if gone.startswith("'") or re.fullmatch(r"[\d.]+", gone):
        return gone.strip("'") in task.solution
    return True


def _named_otherwise(text: str, start: int, end: int) -> bool:
    """What the detail singles out is singled out by the rest of its sentence too: a trip by who is on it or
    by its date, an article by the options that only it has."""
    clause = text[max(text.rfind(". ", 0, start), 0) : (text.find(". ", end) + 1 or len(text))]
    gone = text[start:end].strip()
    trip = gone.startswith("from ") and ("cannot come" in clause or "instead of" in clause)
    article = gone.startswith("the ") and "for the one with" in text[end : end + 60]
    return trip or article


def wrong_constant(environment: Environment, sound: Sound, rng: random.Random) -> Task | None:
    """One constant that evaluate compares with is another one."""
    condition = rng.choice(sound.conditions)
    constants = list(re.finditer(r"(?<=== )'[^']*'|(?<=== )[\d.]+|(?<=answer - )[\d.]+", condition))
    if not constants:
        return None
    span = rng.choice(constants)
    value = span[0]
    other = f"'{value.strip(chr(39))[::-1]}x'" if value.startswith("'") else str(float(value) * 2 + 1)
    return _check(environment, sound, _swapped(sound.task.evaluate, condition,
                    condition[: span.start()] + other + condition[span.end() :]))  # fmt: skip


def _swapped(evaluate: str, condition: str, other: str) -> str | None:
    return evaluate.replace(condition, other, 1) if condition in evaluate else None


def _check(environment: Environment, sound: Sound, evaluate: str | None) -> Task | None:
    """The task with this evaluate if the solution no longer passes it."""
    if evaluate is None:
        return None
    task = replace(sound.task, evaluate=evaluate)
    return task if verdict(environment, task, task.solution) is not True else None


def assertion_dropped(environment: Environment, sound: Sound, rng: random.Random) -> Task | None:
    """A condition of evaluate is gone, and some wrong outcome passes now."""
    conditions = list(sound.conditions)
    rng.shuffle(conditions)
    return next(
        filter(None, (_laxer(environment, sound, condition, "True") for condition in conditions)), None
    )


def _laxer(environment: Environment, sound: Sound, condition: str, other: str) -> Task | None:
    """The task with another condition in this one's place, if some wrong outcome passes now."""
    evaluate = _swapped(sound.task.evaluate, condition, other)
    if evaluate is None:
        return None
    task = replace(sound.task, evaluate=evaluate)
    wrong = (*sound.wrong, "pass")
    return task if any(verdict(environment, task, source) for source in wrong) else None


def comparison_loosened(environment: Environment, sound: Sound, rng: random.Random) -> Task | None:
    """A comparison of evaluate is content with more than it names, and some wrong outcome passes now."""
    conditions = [condition for condition in sound.conditions if condition.count(" == ") == 1]
    rng.shuffle(conditions)
    for condition in conditions:
        found, wanted = condition.split(" == ")
        forms = [
            f"{found} is not None", f"{found} in ({wanted}, {found})", f"type({found}) is type({wanted})",
            f"str({wanted})[:0] in str({found})", f"len(str({found})) >= 0",
        ]  # fmt: skip
        task = _laxer(environment, sound, condition, rng.choice(forms))
        if task is not None:
            return task
    return None


def failure_passes(environment: Environment, sound: Sound, rng: random.Random) -> Task | None:
    """One of the failure cases is right."""
    failures = list(sound.task.failures)
    failures[rng.randrange(len(failures))] = rng.choice(
        (sound.task.solution, f"done = 0\n{sound.task.solution}", f"{sound.task.solution}\nchecked = True")
    )
    return replace(sound.task, failures=tuple(failures))


def half_solution(environment: Environment, sound: Sound, rng: random.Random) -> Task | None:
    """The solution leaves out its last step."""
    lines = sound.task.solution.splitlines()
    solution = "\n".join(lines[:-1]) or "pass"
    if sound.answer is not None:
        solution = f"{solution}\nresult = {sound.wrong[-1].removeprefix('result = ')}"
    return replace(sound.task, solution=solution)


def always_true(environment: Environment, sound: Sound, rng: random.Random) -> Task | None:
    """A verifier that is content with anything, said in several ways."""
    argument = "answer" if environment.answer_required else ""
    bodies = ["return True", "return 1 == 1", "done = []\n    return len(done) == 0"]
    if environment.answer_required:
        bodies += ["return answer is not None", "return str(answer) != ''"]
    else:
        first = sound.conditions[0].split(" == ")[0].split(")[")[0] + ")"
        bodies += [f"return {first} is not None", f"return bool({first})"]
    return replace(sound.task, evaluate=f"def evaluate({argument}):\n    {rng.choice(bodies)}\n")


def set_order(environment: Environment, sound: Sound, rng: random.Random) -> Task | None:
    """Part of the verdict is which element of a set comes first."""
    words = rng.sample(
        ["amber", "birch", "cedar", "delta", "ember", "flint", "grove", "heath"], rng.randint(2, 4)
    )
    first = rng.choice((
        f"list(set({words!r}))[0] == {words[0]!r}",
        f"next(iter({{{', '.join(map(repr, words))}}})) == {words[0]!r}",
        f"[word for word in set({words!r})][-1] == {words[0]!r}",
        f"','.join(set({words!r})).startswith({words[0]!r})",
    ))  # fmt: skip
    return _join(sound, first)


def clock(environment: Environment, sound: Sound, rng: random.Random) -> Task | None:
    """Part of the verdict is what time it is."""
    return _join(sound, rng.choice((
        "__import__('time').time() < 4e9",
        "int(time.time()) % 2 == 0",
        "datetime.datetime.now().year < 2090",
        "datetime.date.today().day < 40",
        "now().second < 61",
        "time.strftime('%Y') > '2000'",
    )), "import time, datetime\nnow = datetime.datetime.utcnow\n")  # fmt: skip


def chance(environment: Environment, sound: Sound, rng: random.Random) -> Task | None:
    """Part of the verdict is a random number."""
    return _join(sound, rng.choice((
        "random.random() < 0.95",
        "random.choice([True, True, True, False])",
        "uuid.uuid4().int % 10 > 0",
        "randint(1, 20) > 1",
        "os.urandom(1)[0] > 5",
    )), "import random, uuid, os\nfrom random import randint\n")  # fmt: skip


def _join(sound: Sound, condition: str, imports: str = "") -> Task | None:
    target = sound.conditions[0]
    evaluate = _swapped(sound.task.evaluate, target, f"({target} and {condition})")
    return replace(sound.task, evaluate=imports + evaluate) if evaluate else None


FAULTS: Mapping[str, Planter] = {
    "detail removed from the instruction": detail_removed,
    "wrong constant in evaluate": wrong_constant,
    "assertion dropped": assertion_dropped,
    "comparison loosened": comparison_loosened,
    "failure case that passes": failure_passes,
    "solution does half": half_solution,
    "verifier always true": always_true,
    "order of a set": set_order,
    "clock": clock,
    "random number": chance,
}
__all__ = ["FAULTS", "run"]
