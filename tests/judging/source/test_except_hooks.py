"""Handlers that call first what they are told to, and code that is otherwise the same."""

from __future__ import annotations

import ast
import sysconfig
from pathlib import Path

import pytest

from selfchal.core.sandbox import MAX_SOURCE
from selfchal.judging.source.except_hooks import hook_excepts
from selfchal.judging.source.purity import all_pure

SHAPES = {
    "on a line": "try: 1 / 0\nexcept ZeroDivisionError: said.append(1); said.append(2)",
    "below": "try:\n    1 / 0\nexcept ZeroDivisionError:\n    if 1:\n        said.extend([1, 2])",
    "bare": "try:\n\t1 / 0\nexcept:\n\t'''é'''\n\tsaid.extend([1, 2])",
    "continued": "try: 1 / 0\nexcept ZeroDivisionError: \\\n  said.extend([1, 2])",
    "decorated": "try: 1 / 0\nexcept ZeroDivisionError:\n  @said.extend\n  def f(): pass",
    "nested": "try: 1 / 0\nexcept ZeroDivisionError:\n  try: [][1]\n  except IndexError: said.extend([1, 2])",
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_handler_calls_first(shape: str) -> None:
    said: list[object] = []
    source = SHAPES[shape].replace("@said.extend", "@lambda _: said.extend([1, 2])")
    exec(hook_excepts(source), {"said": said, "_noticed": lambda: said.append("caught")})
    assert said == ["caught"] * source.count("except") + [1, 2]


def test_what_would_be_too_long_stays() -> None:
    source = "try: pass\nexcept: pass\n"
    source += "#" * (MAX_SOURCE - len(source))
    assert hook_excepts(source) == source
    assert not all_pure([source], [])
    deep = (
        "".join(f"{' ' * n}try:\n{' ' * n} pass\n{' ' * n}except KeyError:\n" for n in range(9))
        + " " * 9
        + "pass\n"
    )
    longest = (deep * 100)[: MAX_SOURCE // 3]
    longest = longest[: longest.rindex("\ntry:") + 1]
    assert all_pure([longest], [])
    assert len(longest) < len(hook_excepts(longest)) <= MAX_SOURCE


def test_the_standard_library_stays_what_it_is() -> None:
    folder = Path(sysconfig.get_path("stdlib"))
    files = [
        file
        for pattern in ("*.py", "asyncio/*.py", "email/*.py", "http/*.py")
        for file in sorted(folder.glob(pattern))
    ]
    sources = [text for file in files if len(text := file.read_text(encoding="utf-8")) < MAX_SOURCE * 3 // 4]
    assert len(sources) > 50
    handlers = 0
    for source in sources:
        tree = ast.parse(hook_excepts(source))
        for node in ast.walk(tree):
            if isinstance(node, ast.ExceptHandler):
                assert ast.unparse(node.body.pop(0)) == "_noticed()"
                node.body = node.body or [ast.Pass()]
                handlers += 1
        assert ast.dump(tree) == ast.dump(ast.parse(source))
    assert handlers > 150
