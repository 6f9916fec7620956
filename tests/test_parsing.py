"""Threads that parse at once do not disturb each other, which they do in CPython 3.11 by themselves."""

from __future__ import annotations

import ast
import re
import sys
import threading
import warnings
from pathlib import Path

import pytest

import selfchal
from selfchal.parsing import parse_python

SOURCE = "\n".join(
    f"def f{i}(a):\n    return [x for x in range(a) if (x + {i}) > [1, {i}][0]]" for i in range(60)
)
# One parses its own data when it is loaded, the other runs where there is one thread.
ALONE = {
    "builtin_envs/service/task_source.py",
    "builtin_envs/m3tooleval/formats.py",
    "pipeline/examples.py",  # what the package ships itself
}


class _Released:
    """Running Python while a tree is built lets another thread in."""

    def __del__(self) -> None:
        sum(range(50))


def test_many_threads_parse_at_once() -> None:
    failures: list[BaseException] = []

    def work() -> None:
        for _ in range(60):
            one = _Released()
            one.itself = one  # type: ignore[attr-defined]  # a circle, for the collector
            del one
            try:
                parse_python(SOURCE)
            except SystemError as error:
                failures.append(error)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=work) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert failures == []


def test_nothing_else_in_the_host_parses_what_a_model_wrote() -> None:
    root = Path(selfchal.__file__).parent
    found = {
        str(path.relative_to(root))
        for path in root.rglob("*.py")
        if re.search(r"\bast\.parse\(|literal_eval\((?!parse_python|node)", path.read_text(encoding="utf-8"))
        and "worker" not in path.parts
        and "guest" not in path.parts
    }
    assert found == {"parsing.py", *ALONE}


def test_a_doubtful_escape_is_no_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert isinstance(parse_python(r"'\d'", "eval"), ast.Expression)
    with pytest.raises(SyntaxError):
        parse_python("1 +")
