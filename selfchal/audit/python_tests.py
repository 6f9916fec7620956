"""What can be said of Python tests from their text: do they run, and do they compare anything?

The text is parsed by a process that may die of it, and nothing of it is run.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from selfchal.audit.findings import CheckName, Finding, Grade
from selfchal.judging.source.parse import SourceError, copy_tree

Function = ast.FunctionDef | ast.AsyncFunctionDef
_COMPARES = re.compile(r"assert|raises|fail|check|verif|expect|validate|exit|compare|approx", re.IGNORECASE)
_SKIPS = re.compile(r"\b(skip|xfail)\b|\bskipif\(True|\bskipIf\(True")
_EXISTS = re.compile(r"exists|is_file|isfile|is_dir|isdir")
_DRAWS = re.compile(r"\brandom\.|\bdatetime\.now\(|\btime\.time\(|\bdate\.today\(|\buuid4\(")
_FILE = re.compile(r"^[\w./-]*?([\w-]+\.[a-z][a-z0-9]{0,4})$")
_HARMLESS = re.compile(r"(^|\.)(print|str|len|repr|Path|bool|exists|is_file|isfile|is_dir|isdir)$")
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


def find_in_tests(number: int, files: Sequence[TestFile], named: Collection[str]) -> Iterator[Finding]:
    """Findings on all test files of a task; ``named`` are those that pytest is told to run."""
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
            yield Finding(number, CheckName.ORACLE, Grade.CERTAIN, reason)
    skipped = [function.name for file, function in functions if _is_skipped(file, function)]
    empty = [f.name for _, f in functions if f.name not in skipped and not list_comparisons(f)]
    yield from _count(number, skipped, len(functions), "skipped")
    unsure = any(f.name in empty and _may_raise(f) for _, f in functions)
    yield from _count(number, empty, len(functions), "without anything that compares", unsure)
    if functions and len(skipped) + len(empty) == len(functions) and skipped and empty:
        grade = Grade.DOUBTFUL if unsure else Grade.CERTAIN
        yield Finding(number, CheckName.VACUOUS, grade, "Every test is skipped, or compares nothing.")
    for _, function in functions:
        if _compares_only_what_exists(function):
            reason = f"{function.name[:60]} compares only where a file exists."
            yield Finding(number, CheckName.VACUOUS, Grade.DOUBTFUL, reason)


def _count(
    number: int, names: Sequence[str], total: int, what: str, unsure: bool = False
) -> Iterator[Finding]:
    if names:
        grade = Grade.CERTAIN if len(names) == total and not unsure else Grade.DOUBTFUL
        shown = ", ".join(name[:60] for name in names[:_NAMED])
        reason = f"{len(names)} of {total} tests are {what}: {shown}."
        yield Finding(number, CheckName.VACUOUS, grade, reason)


def _is_skipped(file: TestFile, function: Function) -> bool:
    """By a decorator, by its first statement, or with the whole file."""
    if any(_SKIPS.search(ast.unparse(decorator)) for decorator in function.decorator_list):
        return True
    body = [node for node in function.body if not _is_text(node)]
    if (
        body
        and isinstance(body[0], ast.Expr)
        and re.match(r"(pytest\.skip|self\.skipTest)\(", _write(body[0]))
    ):
        return True
    statements = file.tree.body if file.tree else []
    return any(re.match(r"pytestmark = .*mark\.skip\b|pytest\.skip\(", _write(node)) for node in statements)


def list_comparisons(function: Function) -> list[ast.AST]:
    """What in a test can make it fail: asserts that can be false, errors, calls named like checks."""
    return [node for node in _walk_live(function.body) if _can_fail(node)]


def _may_raise(function: Function) -> bool:
    """Does a test call or look up what may end it with an error, a helper that compares for one?"""
    return any(
        isinstance(node, ast.Subscript)
        or (isinstance(node, ast.Call) and not _HARMLESS.search(ast.unparse(node.func)[-200:]))
        for node in _walk_live(function.body)
    )


def _walk_live(body: Sequence[ast.stmt]) -> Iterator[ast.AST]:
    """The nodes of statements that are reached, without those whose failure is swallowed."""
    for statement in body:
        if isinstance(statement, ast.Return):
            return
        if isinstance(statement, ast.Try) and any(map(_swallows, statement.handlers)):
            yield from _walk_live([*statement.orelse, *statement.finalbody])
            continue
        yield statement
        for name, part in ast.iter_fields(statement):
            inner = part if isinstance(part, list) else [part]
            if name in ("body", "orelse", "finalbody") and all(isinstance(one, ast.stmt) for one in inner):
                yield from _walk_live(inner)
                continue
            for one in inner:
                if isinstance(one, ast.ExceptHandler):
                    yield from _walk_live(one.body)
                elif isinstance(one, ast.AST):
                    yield from ast.walk(one)


def _swallows(handler: ast.ExceptHandler) -> bool:
    """Does it catch a failed assertion and go on?"""
    caught = "" if handler.type is None else ast.unparse(handler.type)
    catches = not caught or re.search(r"\b(AssertionError|Exception|BaseException)\b", caught)
    silent = all(
        isinstance(node, ast.Pass | ast.Return | ast.Continue)
        or re.match(r"(print|logging|\.\.\.)", _write(node))
        for node in handler.body
    )
    return bool(catches) and silent


def _can_fail(node: ast.AST) -> bool:
    if isinstance(node, ast.Assert):
        return not _is_always_true(node.test)
    if isinstance(node, ast.Call):
        return bool(_COMPARES.search(ast.unparse(node.func)[:200]))
    return isinstance(node, ast.Raise)


def _is_always_true(test: ast.expr) -> bool:
    if isinstance(test, ast.Constant):
        return bool(test.value)
    if isinstance(test, ast.Tuple):
        return bool(test.elts)
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.Or):
        return any(map(_is_always_true, test.values))
    if isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq | ast.Is):
        return ast.dump(test.left) == ast.dump(test.comparators[0])
    return False


def _compares_only_what_exists(function: Function) -> bool:
    """Do all its comparisons stand below ``if path.exists():`` without another branch?"""
    compared = list_comparisons(function)
    guarded = {
        id(inner)
        for node in _walk_live(function.body)
        if isinstance(node, ast.If) and not node.orelse and _EXISTS.search(ast.unparse(node.test)[:500])
        for inner in ast.walk(node)
    }
    return bool(compared) and all(id(node) in guarded for node in compared)


def list_existing(files: Sequence[TestFile]) -> set[str] | None:
    """The paths whose existence is all that the tests ask for; None where they ask for more."""
    found: set[str] = set()
    for function in (function for file in files for function in file.functions):
        for node in list_comparisons(function):
            text = ast.unparse(node.test) if isinstance(node, ast.Assert) else ""
            said = re.findall(r"['\"](/[^'\"]+)['\"]", text)
            if not (_EXISTS.search(text) and said and not re.search(r"==|!=|\bnot\b|\bin\b", text)):
                return None
            found.update(said)
    return found or None


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


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _write(node: ast.AST) -> str:
    return ast.unparse(node)[:500]
