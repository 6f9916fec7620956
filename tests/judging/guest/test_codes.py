"""Code that the host has compiled: it is loaded by the same Python, and compiled anew by another one."""

from __future__ import annotations

import marshal
import sys
from typing import Any

import pytest

from selfchal.judging.guest.codes import load_code

SOURCE = "result = 1"
COMPILED = marshal.dumps(compile("result = 2", "<task>", "exec")).hex()


@pytest.mark.parametrize(
    ("told", "result"),
    [
        (SOURCE, 1),
        ([SOURCE, sys.version, COMPILED], 2),
        ([SOURCE, "2.7.18", COMPILED], 1),
    ],
)
def test_code_is_loaded_where_the_same_python_compiled_it(told: Any, result: int) -> None:
    space: dict[str, Any] = {}
    exec(load_code(told), space)
    assert space["result"] == result
