"""Train tool-using LLM agents on tasks that they write themselves, each proven by running code."""

from __future__ import annotations

__version__: str


def __getattr__(name: str) -> str:
    """The version, looked up when asked for: reading package metadata is most of the start-up time."""
    if name == "__version__":
        from importlib.metadata import version

        return version("selfchal")
    raise AttributeError(f"module 'selfchal' has no attribute {name!r}")
