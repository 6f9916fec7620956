"""A name is looked up once, in the module that it comes from, and one that there is not is an AttributeError."""

from __future__ import annotations

import sys
import types

import pytest

from selfchal.lazy_names import look_up_names


def test_a_name_is_looked_up_when_it_is_first_used_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    door = types.ModuleType("a_door")
    monkeypatch.setitem(sys.modules, "a_door", door)
    door.__getattr__ = look_up_names("a_door", {"sqrt": "math", "gone": "no_such_module"})  # type: ignore[method-assign]
    import math

    assert "sqrt" not in vars(door)
    assert door.sqrt is math.sqrt
    assert "sqrt" in vars(door)
    with pytest.raises(AttributeError, match="module 'a_door' has no attribute 'cube'"):
        door.cube  # noqa: B018 — the attribute is what is asked for
    with pytest.raises(ModuleNotFoundError):
        door.gone  # noqa: B018
