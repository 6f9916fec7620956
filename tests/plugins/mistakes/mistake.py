"""One planted mistake, and the sound sources that it is planted into."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from selfchal.plugins import scaffold

HERE = Path(__file__).parent
TEMPLATES = Path(scaffold.__file__).parent / "scaffolds"


@dataclass(frozen=True)
class Mistake:
    """``old`` is a part of the sound source, ``new`` what stands there instead; ``said`` must be told of it.

    ``rule`` is the one of the kit that finds it, where no other is tried."""

    old: str
    new: str
    said: str
    rule: str = ""

    def plant(self, sound: str) -> str:
        assert self.old in sound, f"the sound source lacks {self.old!r}"
        return sound.replace(self.old, self.new, 1)


def read_sound(name: str) -> str:
    """A file beside this one, or the module that ``plugins new`` writes for a kind; its name is planted."""
    own = HERE / f"sound_{name}.py"
    if own.exists():
        return own.read_text(encoding="utf-8")
    text = (TEMPLATES / name / "src+__MODULE__+__init__.py.txt").read_text(encoding="utf-8")
    return text.replace("__NAME__", "planted").replace("__MODULE__", "planted_pack")
