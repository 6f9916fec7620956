"""Shapes that the tests of the arithmetic share."""

from __future__ import annotations

from selfchal.memory.known_networks import find_known_config
from selfchal.memory.shape import NetworkShape, read_shape

GB = 10**9


def find_shape(name: str) -> NetworkShape:
    config = find_known_config(name)
    assert config is not None
    shape = read_shape(config)
    assert shape is not None
    return shape


LLAMA_8B = find_shape("meta-llama/Llama-3.1-8B-Instruct")
