"""Episodes that a filter lets through, whole, as a file for other programs."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from selfchal.browsing.episodes import walk_bodies
from selfchal.browsing.filters import EpisodeFilter
from selfchal.browsing.index import RunIndex
from selfchal.browsing.listing import walk_episodes
from selfchal.core.errors import StoreError
from selfchal.write_whole import write_whole

FILE = "episodes.jsonl"


@dataclass
class Exported:
    """How many episodes were written, and the names of those that could not be read."""

    count: int = 0
    unreadable: list[str] = field(default_factory=list)


def export_lines(index: RunIndex, wanted: EpisodeFilter, directory: Path) -> Exported:
    """Write FILE into the directory, one episode a line, in the order in which they were stored.

    The index must be up to date. Raises StoreError where nothing fits, or the file cannot be written.
    """
    exported = Exported()

    def write(part: Path) -> None:
        with part.open("w", encoding="utf-8") as file:
            for address, body in walk_bodies(index, walk_episodes(index, wanted)):
                if body is None:
                    exported.unreadable.append(str(address))
                    continue
                file.write(json.dumps(body) + "\n")
                exported.count += 1
        if not exported.count:
            raise StoreError(f"no episode of {index.directory} that can be read fits all options")

    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"cannot make {directory}: {error.strerror}; choose another directory") from error
    write_whole(directory / FILE, write, cure="choose another directory")
    return exported
