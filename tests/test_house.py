"""The shape of the code: sizes, circles and words. What a rule is for stands in CONTRIBUTING.md."""

from __future__ import annotations

import ast
import io
import re
import statistics
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "selfchal"
MOST_LINES_OF_CORE = 2_000
MOST_LINES_OF_A_FILE = 350
MOST_LINES_OF_A_FUNCTION = 60
MOST_LINES_OF_THE_MEDIAN_FILE = 120

# Words of our own that the field has better ones for.
RETIRED_EVERYWHERE = frozenset(
    [
        "Lesson",
        "taught",
        "Course",
        "Position",
        "groups_silent",
        "Piece",
        "Stepper",
        "tell_followers",
        "Keeper",
        "conclude",
        "untouched",
        "Slab",
        "Pick",
        "Flow",
        "Prefixes",
        "Hit",
        "fate",
        "mismatch",
        "kl_sampler",
        "forget",
        "weights_changed",
        "observe_start",
        "wants_answer",
        "Lab",
        "Bench",
        "Workshop",
        "Commission",
        "Recipe",
        "Setting",
        "examine",
        "Survey",
        "foreign",
        "Host",
        "hush",
        "Desk",
        "errands",
        "carrier",
        "island",
        "place",
    ]
)
# Words that are plain English elsewhere (the old address of a customer, a room with a number).
RETIRED_IN = {
    "builtin_trainers": frozenset(
        ["silent", "anchor", "old", "sampled", "share", "align", "portion", "leads", "following", "learner"]
    ),
    "builtin_models": frozenset(["heap", "slab", "hit", "pick", "flow", "room"]),
    "pipeline": frozenset(["lab", "setting", "following", "rating"]),
    "judging": frozenset(["bench", "survey", "recipe", "rating", "slack", "chance", "weakening", "noticing"]),
    "sandbox": frozenset(["room", "walls", "promises", "exchange"]),
    "builtin_synthesizers": frozenset(["workshop", "commission"]),
}


@cache
def sources() -> dict[Path, str]:
    return {path: path.read_text(encoding="utf-8") for path in sorted(PACKAGE.rglob("*.py"))}


@cache
def trees() -> dict[Path, ast.Module]:
    return {path: ast.parse(text) for path, text in sources().items()}


def count_lines(path: Path) -> int:
    return sources()[path].count("\n")


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


def imports_of(path: Path) -> Iterator[str]:
    """What a module imports when it loads, and what its functions import when they are called."""
    for node in ast.walk(trees()[path]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_core_is_small() -> None:
    assert (
        sum(count_lines(path) for path in sources() if PACKAGE / "core" in path.parents) <= MOST_LINES_OF_CORE
    )


def test_no_file_is_long() -> None:
    too_long = {
        str(path): count_lines(path) for path in sources() if count_lines(path) > MOST_LINES_OF_A_FILE
    }
    assert too_long == {}


def test_the_median_file_is_short() -> None:
    assert statistics.median(count_lines(path) for path in sources()) <= MOST_LINES_OF_THE_MEDIAN_FILE


def test_no_function_is_long() -> None:
    too_long = [
        f"{path}:{node.lineno} {node.name}"
        for path, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or node.lineno) - node.lineno >= MOST_LINES_OF_A_FUNCTION
    ]
    assert too_long == []


def test_no_import_runs_in_a_circle() -> None:
    modules = {module_of(path): path for path in sources()}
    imported = {
        name: {other for other in imports_of(path) if other in modules and other != name}
        for name, path in modules.items()
    }
    # Modules that nothing left imports are taken away until none is left, or only circles are.
    while free := [name for name, others in imported.items() if not others & imported.keys()]:
        for name in free:
            del imported[name]
    assert sorted(imported) == []


def identifiers(path: Path) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline):
        if token.type == tokenize.NAME:
            yield token.start[0], token.string


def test_no_retired_word_is_an_identifier() -> None:
    found = []
    for path in sources():
        room = path.relative_to(PACKAGE).parts[0]
        retired = RETIRED_EVERYWHERE | RETIRED_IN.get(room, frozenset())
        found += [f"{path}:{line} {word}" for line, word in identifiers(path) if word in retired]
        if path.stem in retired:
            found.append(str(path))
    assert found == []


@pytest.mark.parametrize("folder", ["tests", "examples", "benchmarks", "scripts"])
def test_no_retired_word_is_an_identifier_beside_the_package(folder: str) -> None:
    found = []
    for path in sorted((PACKAGE.parent / folder).rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).parts
        retired = RETIRED_EVERYWHERE | RETIRED_IN.get(parts[1], frozenset())
        found += [f"{path}:{line} {word}" for line, word in identifiers(path) if word in retired]
        if path.stem.removeprefix("test_") in retired:
            found.append(str(path))
    assert found == []


# Of the retired words those that stand for nothing else, also as parts of a name (with_audit, Walls).
RETIRED_PARTS = frozenset(
    [
        "walls", "errands", "errand", "carrier", "island", "lesson", "course", "workshop", "commission",
        "survey", "recipe", "slab", "fate", "lab", "stepper", "examine", "taught",
    ]
)  # fmt: skip
WHOLE_NAMES = frozenset(["_AUDIT_ARCH"])  # the kernel's own
RETIRED_METRICS = frozenset(["clipped", "mismatch", "kl_sampler", "groups_silent", "wants_answer"])


def split_name(name: str) -> set[str]:
    return {part.lower() for part in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}


@pytest.mark.parametrize("folder", ["selfchal", "tests", "examples", "benchmarks", "scripts"])
def test_no_retired_word_is_part_of_an_identifier(folder: str) -> None:
    found = [
        f"{path}:{line} {name}"
        for path in sorted((PACKAGE.parent / folder).rglob("*.py"))
        for line, name in identifiers(path)
        if name not in WHOLE_NAMES and RETIRED_PARTS & split_name(name)
    ]
    assert found == []


def test_no_retired_word_is_a_key_or_a_metric() -> None:
    found = [
        f"{path}:{node.lineno} {node.value}"
        for path, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and node.value in RETIRED_METRICS
    ]
    for path in sorted(
        [*(PACKAGE.parent / "examples").rglob("*.yaml"), *(PACKAGE.parent / "docs").rglob("*.md")]
    ):
        text = path.read_text(encoding="utf-8")
        found += [
            f"{path} {word}" for word in RETIRED_METRICS if re.search(rf"`{word}`|^\s*{word}:", text, re.M)
        ]
    assert found == []


def test_no_warning_is_hidden_wholesale() -> None:
    """A filter names the message or the module that it is for, so that other warnings are still seen."""
    found = [
        f"{path}:{node.lineno}"
        for path, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).split(".")[-1] in ("simplefilter", "filterwarnings")
        and not {"message", "module"} & {keyword.arg for keyword in node.keywords}
    ]
    assert found == []


@pytest.mark.parametrize(
    "room", sorted(path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists())
)
def test_each_room_says_what_it_is_for(room: str) -> None:
    assert ast.get_docstring(trees()[PACKAGE / room / "__init__.py"])
