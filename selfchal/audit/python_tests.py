"""What can be said of Python tests from their text: do they run, and do they compare anything?

The text is parsed by a process that may die of it, and nothing of it is run.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from selfchal.audit.findings import CheckName, Finding, Grade
from selfchal.audit.live_statements import (
    RAISING,
    Function,
    fails_by_itself,
    is_text,
    list_comparisons,
    may_raise,
    walk_live,
    write,
)
from selfchal.audit.skipped_tests import XFAIL, find_skip
from selfchal.judging.source.parse import SourceError, copy_tree

_HELPS = re.compile(r"\bautouse\b|\b(setup|teardown|setUp|tearDown)\w*\b|\b(?:pytest_plugins|load_tests)\b")
_ENDS = re.compile(r"\bos\._exit\(|\bexit\(0?\)|\breturncode=0\b")
_EXISTS = re.compile(r"exists|is_file|isfile|is_dir|isdir")
_DRAWS = re.compile(r"\brandom\.|\bdatetime\.now\(|\btime\.time\(|\bdate\.today\(|\buuid4\(")
_FILE = re.compile(r"^[\w./-]*?([\w-]+\.[a-z][a-z0-9]{0,4})$")
LONGEST_PARSED = 20_000  # characters of code that the parser takes
_NAMED = 3  # tests that a reason names


@dataclass(frozen=True)
class TestFile:
    """A Python file of tests. ``tree`` is None where it cannot be parsed; ``fault`` says why."""

    __test__ = False  # not a test class, whatever pytest thinks of the name

    name: str
    text: str
    tree: ast.Module | None
    fault: str = ""

    @property
    def functions(self) -> list[Function]:
        """Its test functions, those of classes too."""
        nodes = ast.walk(self.tree) if self.tree else ()
        return [n for n in nodes if isinstance(n, Function) and n.name.startswith("test")]


def parse_tests(files: Mapping[str, str]) -> list[TestFile]:
    """The Python files among texts by name."""
    parsed = []
    for name, text in files.items():
        if name.endswith(".py"):
            try:
                parsed.append(TestFile(name, text, copy_tree(text, name)))
            except SourceError as error:
                parsed.append(TestFile(name, text, None, f"It cannot be parsed here: {error}"))
    return parsed


def grade_unparsed(text: str) -> Grade:
    """How sure it is that something is wrong with code that was not parsed: it may only be long."""
    return Grade.NOT_CHECKED if len(text) > LONGEST_PARSED else Grade.DOUBTFUL


def find_in_tests(
    number: int, files: Sequence[TestFile], named: Collection[str], alone: bool = True
) -> Iterator[Finding]:
    """Findings on all test files of a task; ``named`` are those that pytest is told to run, ``alone`` says
    that nothing judges but these files."""
    for file in files:
        if file.tree is None:
            yield Finding(number, CheckName.VACUOUS, grade_unparsed(file.text), file.fault)
        elif drawn := _DRAWS.search(file.text):
            reason = f"{file.name[:80]} asks for chance or the time ({drawn[0]})."
            yield Finding(number, CheckName.DETERMINISM, Grade.DOUBTFUL, reason)
    functions = [(file, function) for file in files for function in file.functions]
    for file in files:
        if file.name in named and file.tree and not file.functions:
            reason = f"pytest runs {file.name[:80]}, and there is no test in it."
            grade = Grade.CERTAIN if alone and not _may_gain_tests(file.tree) else Grade.DOUBTFUL
            yield Finding(number, CheckName.ORACLE, grade, reason)
    skips = {id(function): find_skip(file.tree, function) for file, function in functions}
    skipped = [function for _, function in functions if skips[id(function)]]
    empty = [(file, f) for file, f in functions if f not in skipped and not list_comparisons(f)]
    may_run = not alone or any(skips[id(function)] == XFAIL for function in skipped)
    can_raise = not alone or any(may_be_helped(file, f) or may_raise(f) for file, f in empty)
    yield from _count(number, skipped, len(functions), "skipped", may_run)
    names = [function for _, function in empty]
    yield from _count(number, names, len(functions), "without anything that compares", can_raise)
    if functions and len(skipped) + len(empty) == len(functions) and skipped and empty:
        grade = Grade.DOUBTFUL if may_run or can_raise else Grade.CERTAIN
        yield Finding(number, CheckName.VACUOUS, grade, "Every test is skipped, or compares nothing.")
    yield from _find_oddities(number, files, functions)


def _find_oddities(
    number: int, files: Sequence[TestFile], functions: Sequence[tuple[TestFile, Function]]
) -> Iterator[Finding]:
    """What makes a test or a run weaker than it looks."""
    for _, function in functions:
        if _compares_only_what_exists(function):
            reason = f"{function.name[:60]} compares only where a file exists."
            yield Finding(number, CheckName.VACUOUS, Grade.DOUBTFUL, reason)
        if any(_expects_any_error(node) for node in walk_live(function.body)):
            reason = f"{function.name[:60]} is content with any error (raises(Exception))."
            yield Finding(number, CheckName.VACUOUS, Grade.DOUBTFUL, reason)
    for file in files:
        if file.functions and (ends := _ENDS.search(file.text.partition("__main__")[0])):
            reason = f"{file.name[:80]} may end the whole run as passed ({ends[0][:40]})."
            yield Finding(number, CheckName.VACUOUS, Grade.DOUBTFUL, reason)
        if file.tree and (hidden := re.search(r"^\s*__test__\s*=\s*False\b", file.text, re.MULTILINE)):
            reason = f"{file.name[:80]} keeps tests from running ({hidden[0].strip()})."
            yield Finding(number, CheckName.VACUOUS, Grade.DOUBTFUL, reason)


def _expects_any_error(node: ast.AST) -> bool:
    """``pytest.raises(Exception)``: a misspelt name in the test is such an error too."""
    return (
        isinstance(node, ast.Call)
        and re.search(r"(^|\.)(raises|assertRaises)$", write(node.func)) is not None
        and bool(node.args)
        and write(node.args[0]) in ("Exception", "BaseException")
        and not any(word.arg == "match" for word in node.keywords)
    )


def _may_gain_tests(tree: ast.Module) -> bool:
    """May the file get tests other than by ``def test…``: from classes, imports, loops, calls?"""
    return not all(
        is_text(node)
        or isinstance(node, ast.Import)
        or (isinstance(node, Function) and not node.decorator_list)
        or (
            isinstance(node, ast.ImportFrom)
            and not any(name.name[:4] in ("*", "test") for name in node.names)
        )
        or (isinstance(node, ast.Assign) and all(_is_plain_name(target) for target in node.targets))
        for node in tree.body
    )


def _is_plain_name(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and not node.id.startswith("test")


def may_be_helped(file: TestFile, function: Function) -> bool:
    """May a fixture, a decorator, a base class or an import do what the test does not?"""
    given = [arg.arg for arg in [*function.args.posonlyargs, *function.args.args] if arg.arg != "self"]
    nodes = list(ast.walk(file.tree)) if file.tree else []
    imported = {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
    imported |= {node.module or "." for node in nodes if isinstance(node, ast.ImportFrom)}
    known = sys.stdlib_module_names | {"pytest"}
    return (
        bool(given or function.decorator_list or _HELPS.search(file.text))
        or any(isinstance(node, ast.ClassDef) and node.bases for node in nodes)
        or (file.tree is not None and fails_by_itself(file.tree))
        or not {name.partition(".")[0] for name in imported} <= known
    )


def _count(number: int, tests: Sequence[Function], total: int, what: str, unsure: bool) -> Iterator[Finding]:
    if tests:
        grade = Grade.CERTAIN if len(tests) == total and not unsure else Grade.DOUBTFUL
        shown = ", ".join(test.name[:60] for test in tests[:_NAMED])
        reason = f"{len(tests)} of {total} tests are {what}: {shown}."
        yield Finding(number, CheckName.VACUOUS, grade, reason)


def _compares_only_what_exists(function: Function) -> bool:
    """Do all its comparisons stand below ``if path.exists():`` without another branch?"""
    compared = list_comparisons(function)
    guarded = {
        id(inner)
        for node in walk_live(function.body)
        if isinstance(node, ast.If) and not node.orelse and _EXISTS.search(ast.unparse(node.test)[:500])
        for inner in ast.walk(node)
    }
    return bool(compared) and all(id(node) in guarded for node in compared)


def list_existing(files: Sequence[TestFile]) -> set[str] | None:
    """The paths whose existence is all that the tests ask for; None where they ask for more."""
    found: set[str] = set()
    for function in (function for file in files for function in file.functions):
        if any(_calls_more(node) for node in walk_live(function.body)):
            return None
        for node in list_comparisons(function):
            path = _read_asked_path(node.test) if isinstance(node, ast.Assert) else ""
            if not path:
                return None
            found.add(path)
    return found or None


def _calls_more(node: ast.AST) -> bool:
    """May it fail otherwise than by asking whether a path exists?"""
    if isinstance(node, RAISING):
        return True
    return isinstance(node, ast.Call) and not re.search(r"(^|\.)(Path|exists|is_?file)$", write(node.func))


def _read_asked_path(test: ast.expr) -> str:
    """The path of which a test asks whether it is a file, and nothing else; otherwise empty."""
    said = write(test)
    asked = re.fullmatch(
        r"(?:[\w.]*\.)?(?:Path\((['\"])(/[^'\"]+)\1\)\.(?:exists|is_file)\(\)"
        r"|(?:exists|isfile)\((['\"])(/[^'\"]+)\3\))",
        said,
    )
    return (asked[2] or asked[4]) if asked else ""


def list_named_files(files: Sequence[TestFile]) -> list[str]:
    """The names of files that stand as texts in the tests."""
    texts = (
        node.value
        for file in files
        if file.tree
        for node in ast.walk(file.tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) < 200
    )
    found = (
        match[1]
        for text in texts
        if not text.startswith(("/tests", "/logs", "/usr", "/bin", "/etc", "/proc", "/tmp"))
        and (match := _FILE.match(text))
    )
    return list(dict.fromkeys(found))
