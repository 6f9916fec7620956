"""Another world for the same code: sets iterate otherwise, clocks are a year on, random numbers differ.

Two hash seeds shuffle a set of two strings only half of the time, and a clock read twice within a
second mostly agrees with itself. Code whose outcome must not depend on such things is therefore run
again with them turned upside down: sound code cannot tell the difference. Sets iterate in the order of
their members' repr, backwards, or rotated by one (the turns 0, 1, 2): whatever the usual order is, each
place of it holds another member in one of the three.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from textwrap import indent

from selfchal.judging.source.parse import copy_tree, nodes_of, parse_source
from selfchal.judging.source.purity import SET_OPERATORS

_CLOCK = """
import time as _t
def _ahead(plain):
    return lambda: plain() + 400 * 86400 + 5 * 3600 + 17 * 60 + 13.37
for _name in ("time", "monotonic", "perf_counter"):
    _b.setattr(_t, _name, _ahead(_b.getattr(_t, _name)))
"""
_SETS = """
def _members(plain):
    found = _b.sorted(plain, key=_b.repr)
    turn = _turn[0]
    return _b.iter(found if turn == 0 else found[::-1] if turn == 1 else found[1:] + found[:1])
class _Set(_b.set):
    def __iter__(self): return _members(_b.set.__iter__(self))
    def __repr__(self): return "{" + ", ".join(_b.map(_b.repr, self)) + "}" if self else "set()"
    def pop(self):
        first = _b.next(_b.iter(self), self)
        if first is self: raise KeyError("pop from an empty set")
        self.discard(first)
        return first
class _FrozenSet(_b.frozenset):
    def __iter__(self): return _members(_b.frozenset.__iter__(self))
    def __repr__(self): return f"frozenset({_Set(self)!r})" if self else "frozenset()"
def _mixed(value):
    kind = _b.type(value)
    return _Set(value) if kind is _b.set else _FrozenSet(value) if kind is _b.frozenset else value
def _method(name, base):
    plain = _b.getattr(base, name)
    return lambda self, *others: _mixed(plain(self, *others))
for _name in ("union", "intersection", "difference", "symmetric_difference", "copy"):
    _b.setattr(_Set, _name, _method(_name, _b.set))
    _b.setattr(_FrozenSet, _name, _method(_name, _b.frozenset))
"""
_SET_NAMES = '{"set": _Set, "frozenset": _FrozenSet, "_mixed": _mixed}'
# Loaded by the code itself, the module is seeded anew in each process; it may be there from before the fork.
_CHANCE = """
import sys as _s
if "random" in _s.modules: _s.modules["random"].seed(20240229)
"""
TURNS = 3
_MAKERS = frozenset(
    {"set", "frozenset", "keys", "union", "intersection", "difference", "symmetric_difference"}
)


class _Upside(ast.NodeTransformer):
    def visit_Set(self, node: ast.Set) -> ast.AST:
        self.generic_visit(node)
        return _get_called_name("set", ast.List(node.elts, ast.Load()))

    def visit_SetComp(self, node: ast.SetComp) -> ast.AST:
        self.generic_visit(node)
        return _get_called_name("set", ast.ListComp(node.elt, node.generators))

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.op, SET_OPERATORS):
            return _get_called_name("_mixed", node)
        return node


def _get_called_name(name: str, argument: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(name, ast.Load()), [argument], [])


def upside(sources: Sequence[str], turns: int) -> str:
    """The source of ``_upside()``, which turns the clocks and chance of its process and returns what these
    sources need to know besides. It asks for ``_b``, the builtins, and ``_turn``, a list of one number."""
    sets = turns > 1 or "_mixed" in "\n".join(sources)  # they take as long to set up as most code to run
    body = indent(_CLOCK + _SETS * sets + _CHANCE, "    ")
    return f"def _upside():\n{body}    return {_SET_NAMES if sets else '{}'}\n"


def perturbed(sources: Sequence[str]) -> tuple[list[str], int]:
    """The sources with their sets and set operations turned, to run after ``upside``, and how many turns are
    worth trying: one where none of them makes a set."""
    trees = [parse_source(source, "code") for source in sources]
    nodes = [nodes_of(tree) for tree in trees]
    turned = [
        ast.unparse(_Upside().visit(copy_tree(source, "code"))) if any(map(_is_turned, inside)) else source
        for source, inside in zip(sources, nodes, strict=True)
    ]
    return turned, TURNS if any(_makes_set(node) for inside in nodes for node in inside) else 1


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
