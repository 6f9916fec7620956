"""Rewrites code so that sets iterate in another order, clocks are a year on and random numbers differ.

Two hash seeds shuffle a set of two strings only half of the time, and a clock read twice within a
second mostly agrees with itself. Code whose outcome must not depend on such things is therefore run
again with them turned (``selfchal.judging.guest.perturbed_trials``): sound code cannot tell the difference.
Here the sources are written so that their sets can be turned, once for each of three orders.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence

from selfchal.judging.guest.turned_sets import TURNS
from selfchal.judging.source.parse import copy_tree, nodes_of, parse_source
from selfchal.judging.source.purity import SET_OPERATORS

_MAKERS = frozenset(
    {"set", "frozenset", "keys", "union", "intersection", "difference", "symmetric_difference"}
)
# Without one of these in its text no source makes a set.
_SIGNS = re.compile("|".join(("{", *sorted(_MAKERS))))


class _SetTurner(ast.NodeTransformer):
    def visit_Set(self, node: ast.Set) -> ast.AST:
        self.generic_visit(node)
        return _make_call("set", ast.List(node.elts, ast.Load()))

    def visit_SetComp(self, node: ast.SetComp) -> ast.AST:
        self.generic_visit(node)
        return _make_call("set", ast.ListComp(node.elt, node.generators))

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.op, SET_OPERATORS):
            return _make_call("_mixed", node)
        return node


def _make_call(name: str, argument: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(name, ast.Load()), [argument], [])


def perturbed(sources: Sequence[str]) -> tuple[list[str], int]:
    """The sources with their sets and set operations turned, and how many turns are worth trying: one where
    none of them makes a set."""
    trees = [parse_source(source, "code") for source in sources]
    nodes = [nodes_of(tree) for tree in trees]
    turned = [
        ast.unparse(_SetTurner().visit(copy_tree(source, "code"))) if any(map(_is_turned, inside)) else source
        for source, inside in zip(sources, nodes, strict=True)
    ]
    return turned, TURNS if any(any(map(_makes_set, inside)) for inside in nodes) else 1


def makes_sets(source: str) -> bool:
    """Whether ``perturbed`` would find more than one turn worth trying. Most sources need not be parsed for
    the answer."""
    return bool(_SIGNS.search(source)) and any(map(_makes_set, nodes_of(parse_source(source, "code"))))


def _is_turned(node: ast.AST) -> bool:
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, SET_OPERATORS)
    return isinstance(node, ast.Set | ast.SetComp)


def _makes_set(node: ast.AST) -> bool:
    if isinstance(node, ast.Name):
        return node.id in _MAKERS
    if isinstance(node, ast.Attribute):
        return node.attr in _MAKERS
    return isinstance(node, ast.Set | ast.SetComp)
