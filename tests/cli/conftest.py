"""Runs command lines in this process, as the console script does."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from selfchal.cli.main import call


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


Selfchal = Callable[..., Ended]


@pytest.fixture
def selfchal(capfd: pytest.CaptureFixture[str]) -> Selfchal:
    """``selfchal("run", "x.yaml")`` gives exit code, stdout and stderr, which go to no terminal."""

    def run(*arguments: object) -> Ended:
        capfd.readouterr()
        code = call([str(argument) for argument in arguments])
        captured = capfd.readouterr()
        return Ended(code, captured.out, captured.err)

    return run
