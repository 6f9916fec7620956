"""Train tool-using LLM agents on tasks that they write themselves, each proven by running code."""

from importlib.metadata import version

__version__ = version("selfchal")
