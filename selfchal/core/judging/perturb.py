"""Another world for the same code: sets iterate otherwise, clocks are a year on, random numbers differ.

Two hash seeds shuffle a set of two strings only half of the time, and a clock read twice within a
second mostly agrees with itself. Code whose outcome must not depend on such things is therefore run
again with them turned upside down: sound code cannot tell the difference. Sets iterate in the order of
their members' repr, backwards, or rotated by one (the turns 0, 1, 2): whatever the usual order is, each
place of it holds another member in one of the three.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

PRELUDE = """
import builtins as _b, random as _r, time as _t
_turn = [0]
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
set, frozenset = _Set, _FrozenSet
def _ahead(plain):
    return lambda: plain() + 400 * 86400 + 5 * 3600 + 17 * 60 + 13.37
for _name in ("time", "monotonic", "perf_counter"):
    _b.setattr(_t, _name, _ahead(_b.getattr(_t, _name)))
_r.seed(20240229)
"""
TURNS = (0, 1, 2)
_MAKERS = frozenset(
    {"set", "frozenset", "keys", "union", "intersection", "difference", "symmetric_difference"}
)
_LINES = PRELUDE.strip("\n") + "\n"


class UnwrappableError(ValueError):
    """This source cannot be put inside a function."""


class _Upside(ast.NodeTransformer):
    def visit_Set(self, node: ast.Set) -> ast.AST:
        self.generic_visit(node)
        return _called("set", ast.List(node.elts, ast.Load()))

    def visit_SetComp(self, node: ast.SetComp) -> ast.AST:
        self.generic_visit(node)
        return _called("set", ast.ListComp(node.elt, node.generators))

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.op, ast.BitAnd | ast.BitOr | ast.BitXor | ast.Sub):
            return _called("_mixed", node)
        return node


def _called(name: str, argument: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(name, ast.Load()), [argument], [])


def perturbed(tree: ast.Module) -> ast.Module:
    """The tree with its sets and set operations turned; it needs PRELUDE before it. Alters ``tree``."""
    turned = _Upside().visit(tree)
    assert isinstance(turned, ast.Module), "a module stays one"
    return turned


def turns_of(trees: Iterable[ast.Module]) -> tuple[int, ...]:
    """The turns worth trying: all three where any of the code makes a set."""
    return TURNS if any(_makes_a_set(node) for tree in trees for node in ast.walk(tree)) else TURNS[:1]


def _makes_a_set(node: ast.AST) -> bool:
    if isinstance(node, ast.Name):
        return node.id in _MAKERS
    if isinstance(node, ast.Attribute):
        return node.attr in _MAKERS
    return isinstance(node, ast.Set | ast.SetComp)


def wrapped(tree: ast.Module, name: str, gives: str) -> ast.FunctionDef:
    """``def name(): <module>; return gives``: the module's code as a function that can run again and again.

    Raises UnwrappableError where that would change its meaning (``global``, star imports).
    """
    body = [node for node in tree.body if not _is_future(node)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Global) or (isinstance(node, ast.ImportFrom) and node.names[0].name == "*"):
            raise UnwrappableError("global statements and star imports only work in a module")
    result = ast.parse(gives, mode="eval").body
    arguments = ast.arguments([], [], None, [], [], None, [])
    # unparse wants a line number of a definition, any will do
    return ast.FunctionDef(name, arguments, [*body, ast.Return(result)], [], None, None, lineno=1)


def _is_future(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"


def source_of(functions: list[ast.FunctionDef], driver: str) -> str:
    """One program: the prelude, the functions, then ``driver``."""
    module = ast.Module(list(functions), [])
    return f"{_LINES}{ast.unparse(module)}\n{driver}"
