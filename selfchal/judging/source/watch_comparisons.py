"""The comparisons of evaluate, written so that a search hears how far each of them is from being met.

The calls that are written in are those of ``selfchal.judging.guest.comparisons``.
"""

from __future__ import annotations

import ast
from itertools import count

from selfchal.judging.source.parse import copy_tree

_OPERATORS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Is: "is",
    ast.IsNot: "is not", ast.In: "in", ast.NotIn: "not in",
}  # fmt: skip
_QUESTIONS = frozenset({
    "startswith", "endswith", "isdigit", "isalpha", "isalnum", "isupper", "islower", "isspace", "isnumeric",
    "istitle", "isdecimal", "isascii", "get",
})  # fmt: skip


def watch_comparisons(source: str) -> str:
    """The source with a call in the place of each comparison, each question to a text and each condition."""
    return ast.unparse(_Watcher().visit(copy_tree(source, "the evaluation function")))


class _Watcher(ast.NodeTransformer):
    def __init__(self) -> None:
        self._numbers = count()

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        operators: list[ast.expr] = [ast.Constant(_OPERATORS[type(operator)]) for operator in node.ops]
        return self._call("_compared", ast.List(operators, ast.Load()), node.left, *node.comparators)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        match node:
            case ast.Call(ast.Attribute(value, name), args, []) if name in _QUESTIONS:
                return self._call("_asked", ast.Constant(name), value, *args)
        return node

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        self.generic_visit(node)
        node.values = [self._test(value) for value in node.values]
        return node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.op, ast.Not):
            node.operand = self._test(node.operand)
        return node

    def visit_If(self, node: ast.If) -> ast.AST:
        self.generic_visit(node)
        node.test = self._test(node.test)
        return node

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        self.generic_visit(node)
        node.test = self._test(node.test)
        return node

    def visit_Return(self, node: ast.Return) -> ast.AST:
        self.generic_visit(node)
        node.value = self._test(node.value) if node.value else None
        return node

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        self.generic_visit(node)
        node.ifs = [self._test(test) for test in node.ifs]
        return node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        """A text is no condition; calls inside of one may not be written with the quotes that are left."""
        return node

    def _test(self, value: ast.expr) -> ast.expr:
        """A call around a condition that is none of those above, nor made of them alone."""
        watched = (
            isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id.startswith("_")
        )
        if watched or isinstance(value, ast.BoolOp | ast.Constant):
            return value
        return self._call("_tested", value)

    def _call(self, name: str, *given: ast.expr) -> ast.Call:
        number = ast.Constant(next(self._numbers))
        return ast.Call(ast.Name(name, ast.Load()), [number, *given], [])
