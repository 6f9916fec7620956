"""Conditions of evaluate, to be dropped one by one: an assert, a comparison, ``if <wrong>: return False``.

To drop one is to take it as met. The calls that say so are written into the source around each condition;
the functions that they call are in ``selfchal.judging.guest.conditions``.
"""

from __future__ import annotations

import ast
from collections import defaultdict

from selfchal.judging.source.parse import by_lines, parse_source

_MOST = 24  # conditions


def weakened(source: str) -> tuple[list[str], str]:
    """The conditions, and the source in which condition n (from 1) can be dropped."""
    weakener = _Weakener(*by_lines(source))
    weakener.visit(parse_source(source, "the evaluation function"))
    return weakener.conditions, weakener.written()


class _Weakener(ast.NodeVisitor):
    def __init__(self, data: bytes, starts: list[int]) -> None:
        self.conditions: list[str] = []
        self._data, self._lines = data, starts
        self._opening: dict[int, list[str]] = defaultdict(list)  # by place; outer ones come first
        self._closing: dict[int, list[str]] = defaultdict(list)

    def written(self) -> str:
        parts, last = [], 0
        for offset in sorted({*self._opening, *self._closing}):
            parts.append(self._data[last:offset])
            parts += [text.encode() for text in (*self._closing[offset][::-1], *self._opening[offset])]
            last = offset
        return b"".join([*parts, self._data[last:]]).decode()

    def _put(self, node: ast.expr, form: str) -> None:
        """Write the form, whose ``{}`` is the condition's number, around this condition."""
        if len(self.conditions) == _MOST:
            return
        assert node.end_lineno is not None, "a parsed expression knows its end"
        assert node.end_col_offset is not None, "and where in the line"
        start = self._lines[node.lineno - 1] + node.col_offset
        end = self._lines[node.end_lineno - 1] + node.end_col_offset
        self.conditions.append(" ".join(self._data[start:end].decode().split())[:120])
        self._opening[start].append(form.format(*[len(self.conditions)] * 2))
        self._closing[end].append("))")

    def visit_Compare(self, node: ast.Compare) -> None:
        self._put(node, "(_dropped({}) or _met({}, ")
        self.generic_visit(node)

    def visit_Assert(self, node: ast.Assert) -> None:
        if not isinstance(node.test, ast.Compare):
            self._put(node.test, "(_dropped({}) or _met({}, ")
        self.generic_visit(node)

    def visit_If(self, node: ast.If) -> None:
        match node:
            case ast.If(body=[ast.Return(value=ast.Constant(value=False))], orelse=[]):
                self._put(node.test, "(not _dropped({}) and _refused({}, ")
            case _:
                self.generic_visit(node)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        """Skip it: before Python 3.12 the nodes inside do not know their position."""
