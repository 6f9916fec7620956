"""Finds the recorded behaviour and the data of the original benchmarks; tests skip where they are absent."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

_ROOT = Path(__file__).parents[2]


def benchmark_data(part: str) -> Path:
    """A folder or file below SELFCHAL_BENCHMARK_DATA (default: ``../shared`` beside the repository)."""
    folder = Path(os.environ.get("SELFCHAL_BENCHMARK_DATA", _ROOT / "../shared"))
    path = (folder / part).resolve()
    if not path.exists():
        pytest.skip(
            f"{path} is not there; SELFCHAL_BENCHMARK_DATA names the folder with the benchmarks' data"
        )
    return path


def recorded(part: str) -> Iterator[Any]:
    """The rows of a gzipped JSONL file of the recorded behaviour."""
    with gzip.open(benchmark_data(f"conformance/{part}"), "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)
