"""Values that a solution hides: a number as the length of a text, a word in base64, a sum of truth values.

Nobody who reads the instruction could know such a value, and it is no literal that a reader of the solution
would notice. What is asked here is syntax: which constants go through a function or an operator that only
hides them.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import islice

from selfchal.judging.source.parse import nodes_of, parse_source
from selfchal.judging.wording import Wording

# Of a constant they give another constant, which could have been written as it is.
_DISGUISES = frozenset(
    {"len", "ord", "chr", "int", "float", "hash", "sum", "bool", "bytes", "bytearray", "hex", "oct", "bin"}
)
_DECODERS = frozenset({"base64", "binascii", "codecs", "zlib", "marshal", "pickle"})
_DECODING = frozenset({"fromhex", "decode", "translate", "from_bytes", "unhexlify"})
_MOST = 20  # pieces that are told of: to find the text of one takes as long as the source is


def hidden_values(source: str, wording: Wording) -> list[str]:
    """Pieces of the solution that hide a value which the instruction does not say."""
    nodes = nodes_of(parse_source(source, "the solution"))
    hiding = islice((node for node in nodes if _is_hiding(node, wording)), _MOST)
    pieces = (ast.get_source_segment(source, node) for node in hiding)
    return list(dict.fromkeys(piece for piece in pieces if piece))


def _is_hiding(node: ast.AST, wording: Wording) -> bool:
    if isinstance(node, ast.BinOp):
        return _is_truth_value(node.left) or _is_truth_value(node.right)
    if not isinstance(node, ast.Call):
        return False
    name = node.func.id if isinstance(node.func, ast.Name) else ""
    attribute = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    owner = node.func.value if isinstance(node.func, ast.Attribute) else None
    constants = [
        *_list_constants(node.args),
        *(_list_constants([owner]) if attribute in _DECODING and owner else ()),
    ]
    if isinstance(owner, ast.Name) and owner.id in _DECODERS:
        return bool(constants)
    if name in _DISGUISES or attribute in _DECODING:
        return bool(constants) and _is_constant(node) and not all(wording.says(value) for value in constants)
    return False


def _is_truth_value(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, bool)


def _is_constant(node: ast.AST) -> bool:
    """Nothing in it comes from anywhere but the source: no variable, no tool."""
    names = {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}
    return names <= _DISGUISES


def _list_constants(nodes: list[ast.expr]) -> Iterator[str | int | float]:
    for node in nodes:
        for inner in ast.walk(node):
            if isinstance(inner, ast.Constant) and isinstance(inner.value, str | bytes | int | float):
                yield inner.value.decode("latin-1") if isinstance(inner.value, bytes) else inner.value
