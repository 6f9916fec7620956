"""Values that a solution hides: a number as the length of a text, a word in base64, a sum of truth values.

Nobody who reads the instruction could know such a value, and it is no literal that a reader of the solution
would notice. What is asked here is syntax: which constants go through a function or an operator that only
hides them.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from selfchal.judging.source.parse import nodes_of, parse_source
from selfchal.judging.wording import Wording

# Of a constant they give another constant, which could have been written as it is.
_DISGUISES = frozenset({
    "len", "ord", "chr", "int", "float", "hash", "sum", "bool", "bytes", "bytearray", "hex", "oct", "bin",
    "next",
})  # fmt: skip
# Of constants alone these make constants too.
_MAKERS = frozenset({
    "range", "reversed", "sorted", "map", "filter", "zip", "enumerate", "iter", "list", "tuple", "set",
    "dict", "str", "min", "max", "abs", "round", "pow", "divmod", "any", "all",
})  # fmt: skip
_DECODERS = frozenset({"base64", "binascii", "codecs", "zlib", "marshal", "pickle"})
_DECODING = frozenset({
    "fromhex", "decode", "translate", "from_bytes", "unhexlify", "join", "index", "find", "rindex", "rfind",
    "count",
})  # fmt: skip
_COMPREHENSIONS = ast.ListComp | ast.DictComp | ast.GeneratorExp | ast.SetComp
_MOST = 20  # pieces that are told of: to find the text of one takes as long as the source is


def hidden_values(source: str, wording: Wording, read: str = "") -> list[str]:
    """Pieces of the solution that hide a value which the instruction does not say; ``read`` is what its
    tools said."""
    nodes = nodes_of(parse_source(source, "the solution"))
    assigned = _list_assigned(nodes)
    cuts = _list_cuts(nodes, assigned, read)
    hiding = islice(
        (node for node in nodes if id(node) not in cuts and _is_hiding(node, wording, assigned)), _MOST
    )
    pieces = (ast.get_source_segment(source, node) for node in hiding)
    return list(dict.fromkeys(piece for piece in pieces if piece))


def _list_assigned(nodes: Sequence[ast.AST]) -> dict[str, ast.expr]:
    """What the names stand for that are set once in the source."""
    names = Counter(
        node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    )
    return {
        target.id: node.value
        for node in nodes
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name) and names[target.id] == 1
    }


def _list_cuts(nodes: Sequence[ast.AST], assigned: Mapping[str, ast.expr], read: str) -> set[int]:
    """The lengths of something read at which something is cut, as ``line[len("Price: "):]``: they hide
    nothing."""
    slices = [
        node.slice
        for node in nodes
        if isinstance(node, ast.Subscript)
        and isinstance(node.slice, ast.Slice)
        and not _is_constant([node.value, *_follow_names(node.value, assigned).values()], {*assigned})
    ]
    ends = [end for one in slices for end in (one.lower, one.upper) if end is not None]
    return {
        id(inner)
        for end in ends
        if all(
            value in read for one in ast.walk(end) if isinstance(value := getattr(one, "value", None), str)
        )
        for inner in ast.walk(end)
    }


def _is_hiding(node: ast.AST, wording: Wording, assigned: Mapping[str, ast.expr]) -> bool:
    if isinstance(node, ast.BinOp):
        return _is_truth_value(node.left) or _is_truth_value(node.right)
    if isinstance(node, ast.Subscript):
        return _is_picked(node.value, wording, assigned)
    if not isinstance(node, ast.Call):
        return False
    name = _get_name(node)
    attribute = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    owner = node.func.value if isinstance(node.func, ast.Attribute) else None
    if isinstance(owner, ast.Name) and owner.id in _DECODERS:
        return bool(list(_list_constants(node.args, wording)))
    if name not in _DISGUISES and attribute not in _DECODING:
        return False
    followed = _follow_names(node, assigned)
    given = [*node.args, *followed.values(), *([owner] if attribute != "join" and owner else [])]
    constants = list(_list_constants(given, wording))
    return (
        bool(constants)
        and _is_constant([node, *followed.values()], {*followed})
        and not all(wording.says(value) for value in constants)
    )


def _is_picked(value: ast.expr, wording: Wording, assigned: Mapping[str, ast.expr]) -> bool:
    """Is this made of constants alone that nobody said, and not just a list of them?"""
    followed = _follow_names(value, assigned)
    parts = [value, *followed.values()]
    makes = any(isinstance(inner, ast.Call | _COMPREHENSIONS) for part in parts for inner in ast.walk(part))
    constants = list(_list_constants(parts, wording)) if makes else []
    return (
        bool(constants)
        and _is_constant(parts, {*followed})
        and not all(wording.says(one) for one in constants)
    )


def _follow_names(node: ast.expr, assigned: Mapping[str, ast.expr]) -> dict[str, ast.expr]:
    """What the names in the expression stand for, and the names in that."""
    parts, found = [node], dict[str, ast.expr]()
    for part in parts:
        for inner in ast.walk(part):
            if isinstance(inner, ast.Name) and inner.id in assigned and inner.id not in found:
                found[inner.id] = assigned[inner.id]
                parts.append(assigned[inner.id])
    return found


def _is_truth_value(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, bool)


def _is_constant(parts: Sequence[ast.expr], followed: set[str]) -> bool:
    """Nothing in these comes from anywhere but the source: no tool, no name but those ``followed``."""
    names = [inner for part in parts for inner in ast.walk(part) if isinstance(inner, ast.Name)]
    own = {name.id for name in names if isinstance(name.ctx, ast.Store)}  # of a comprehension
    return {name.id for name in names} <= _DISGUISES | _MAKERS | followed | own


def _list_constants(nodes: Sequence[ast.expr], wording: Wording) -> Iterator[str | int | float]:
    """Those that stand in these. Of a range its end or its last number, whichever is said; neither 0 nor 1,
    from and by which all count."""
    for node in nodes:
        ranges = [
            inner for inner in ast.walk(node) if isinstance(inner, ast.Call) and _get_name(inner) == "range"
        ]
        ends = {id(call.args[:2][-1]) for call in ranges if call.args}
        counted = {id(one) for call in ranges for one in call.args}
        for inner in ast.walk(node):
            if not isinstance(inner, ast.Constant) or not isinstance(inner.value, str | bytes | int | float):
                continue
            value = inner.value.decode("latin-1") if isinstance(inner.value, bytes) else inner.value
            if id(inner) in ends and isinstance(value, int):
                yield value if wording.says(value) else value - 1
            elif id(inner) not in counted or value not in (0, 1):
                yield value


def _get_name(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else ""
