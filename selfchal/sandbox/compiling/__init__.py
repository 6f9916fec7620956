"""Model-written source, compiled and parsed without danger for the process that asks.

``compile_source`` has it compiled by a worker that may die, under limits of time and memory: some hundred
characters make CPython's compiler take minutes and gigabytes. ``parse_tree`` gives the tree of what compiles.
Both answer ``Refused`` with a reason for all else, and both may be called from several threads.
"""

from selfchal.sandbox.compiling.outcome import Compiled, Refused
from selfchal.sandbox.compiling.service import CompileService, close_shared_service, compile_source
from selfchal.sandbox.compiling.trees import MAX_DEPTH, MAX_NODES, parse_tree

__all__ = [
    "MAX_DEPTH",
    "MAX_NODES",
    "CompileService",
    "Compiled",
    "Refused",
    "close_shared_service",
    "compile_source",
    "parse_tree",
]
