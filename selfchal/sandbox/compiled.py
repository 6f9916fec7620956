"""Model-written source, compiled once for all who ask: the judge, and a sandbox with this very Python."""

from __future__ import annotations

import ast
import warnings
from functools import lru_cache
from types import CodeType

FILENAME = "<task>"  # as the sandboxes' children name it


@lru_cache(maxsize=256)
def compiled(source: str) -> CodeType:
    """Compile, run nothing; the caller bounds the size. Raises what ``compile`` raises, of a tree too: those
    who read the tree get no deeper than it."""
    return compile(tree_of(source), FILENAME, "exec", dont_inherit=True)


def tree_of(source: str) -> ast.Module:
    """A tree of its own for each who asks. Raises what ``compile`` raises."""
    with warnings.catch_warnings():
        # Python warns of doubtful escapes and literals in what a model wrote; they are no fault of ours.
        warnings.filterwarnings("ignore", module=r"<unknown>\Z")
        return ast.parse(source)
