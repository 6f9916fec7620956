"""What a trainer may put into a checkpoint: only what ``torch.load`` reads back with ``weights_only``.

A state with anything else in it would be saved without a word, and could never be resumed from.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

_PLAIN = (type(None), bool, int, float, complex, str, bytes, bytearray)


def find_unloadable(state: Any) -> str | None:
    """The first part of a state that could not be read back, as a sentence; None where all of it can.

    Types are compared exactly: a NumPy float is a float to ``isinstance``, and is refused by ``torch.load``.
    """
    return _find_in(state, "state")


def _find_in(value: Any, path: str) -> str | None:
    import torch  # a trainer saves, so it is loaded already

    if type(value) in _PLAIN or type(value) in (torch.Tensor, torch.nn.Parameter, torch.Size, torch.dtype):
        return None
    if type(value) in (list, tuple, set):
        inner = ((member, f"{path}[{number}]") for number, member in enumerate(value))
    elif type(value) in (dict, OrderedDict):
        if found := next((found for key in value if (found := _find_in(key, f"a key of {path}"))), None):
            return found
        inner = ((member, f"{path}[{key!r}]") for key, member in value.items())
    else:
        kind = type(value)
        return f"{path} is a {kind.__module__}.{kind.__qualname__}"
    return next((found for member, where in inner if (found := _find_in(member, where))), None)
