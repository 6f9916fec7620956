"""Makes real installed plugins: a module and a ``.dist-info`` with its entry point on ``sys.path``."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """``install(package, source, plugin=…, version=…)`` makes an installed package of one module."""
    monkeypatch.syspath_prepend(str(tmp_path))
    made: list[str] = []

    def make(package: str, source: str, plugin: str = "", version: str = "1.0") -> None:
        module = package.replace("-", "_")
        made.append(module)
        (tmp_path / f"{module}.py").write_text(textwrap.dedent(source))
        info = tmp_path / f"{module}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[selfchal]\n{plugin or module} = {module}\n")

    yield make
    for module in made:
        sys.modules.pop(module, None)
