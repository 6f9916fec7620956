"""The examples that come with the package: manifests to run, and Python files to read and copy."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

# What to try first, in this order. The other manifests beside them compare trainers.
FIRST_HOUR = ("quickstart", "web_browsing", "only_tasks", "smollm2_cpu")
_PATTERNS = ("*.yaml", "gpu/*.yaml", "one_gpu/*.yaml", "paper/*.yaml", "*.py", "todo_desk/*.py")
_TRAINER = re.compile(r"_[a-z]+$")


def find_examples() -> dict[str, Path]:
    """Name, as in ``paper/retail_grpo``, and file of each."""
    package = Path(__file__).parents[1]
    installed, checkout = package / "examples", package.parent / "examples"
    folder = installed if installed.is_dir() else checkout
    files = [path for pattern in _PATTERNS for path in folder.glob(pattern)]
    return {str(path.relative_to(folder).with_suffix("")): path for path in sorted(files)}


def group_examples(known: dict[str, Path]) -> Iterator[tuple[str, dict[str, Path]]]:
    """The examples under a heading each. Manifests that differ in their trainer alone are one."""
    left = dict(known)
    yield "The first hour", {name: left.pop(name) for name in FIRST_HOUR if name in left}
    python = {name: path for name, path in left.items() if path.suffix == ".py"}
    several = {name: path for name, path in left.items() if "/" in name and name not in python}
    alone = {name: path for name, path in left.items() if name not in python and name not in several}
    yield "Trainers", alone
    yield "GPUs", {name: several.pop(name) for name in list(several) if name.startswith("gpu/")}
    trainers = sorted({name.rpartition("_")[2] for name in several})
    collapsed = {_TRAINER.sub("_TRAINER", name): path for name, path in several.items()}
    yield f"Environments (TRAINER is one of {', '.join(trainers)})", collapsed
    yield "Python", python


def read_summary(path: Path) -> str:
    """The first sentence that an example says of itself: of its first comment, or of its docstring."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        said = ast.get_docstring(ast.parse(text)) or ""
    else:
        comment = re.match(r"(#.*\n)*", text)
        said = re.sub(r"^# ?", "", comment[0], flags=re.M) if comment else ""
    words = " ".join(said.split())
    sentence = re.match(r".+?\.(?=\s|$)", words)
    return sentence[0] if sentence else words
