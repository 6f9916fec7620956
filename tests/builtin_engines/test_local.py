"""The engine ``local``: this process and several play alike, whatever becomes of a worker."""

from __future__ import annotations

import pytest

from selfchal.builtin_engines.local import LocalEngine
from selfchal.testing.conformance.case import Case
from selfchal.testing.conformance.engines import engine_cases


@pytest.mark.parametrize("case", engine_cases(LocalEngine, {"processes": 1}), ids=str)
def test_in_this_process(case: Case) -> None:
    case()


@pytest.mark.parametrize("case", engine_cases(LocalEngine, {"processes": 2}), ids=str)
def test_in_two_processes(case: Case) -> None:
    case()
