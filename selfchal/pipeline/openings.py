"""How often the weights of a run directory were measured on each split, ``selfchal eval`` included.

Whoever looks at test tasks often, and goes on with what did well there, has chosen by them. The count stands
in results.json, so that readers of a score know how many looks it was taken from.
"""

from __future__ import annotations

import json
from pathlib import Path

from selfchal.pipeline.store import RESULTS, Store
from selfchal.write_whole import write_whole

OPENED = "opened"  # the fact: by split, a name for each time


def count_opening(store: Store, split: str, moment: str) -> None:
    """One more look at a split; a moment that was interrupted and gone on with is one."""
    opened = store.fact(OPENED, {})
    moments = opened.get(split, [])
    if moment not in moments:
        store.put_fact(OPENED, {**opened, split: [*moments, moment]})


def describe_openings(store: Store) -> dict[str, int]:
    """By split, how often it was looked at."""
    return {split: len(moments) for split, moments in store.fact(OPENED, {}).items()}


def count_later_opening(directory: Path, split: str, moment: str) -> dict[str, int]:
    """The same for a look at the weights of a run that has ended, whose results are told of it too.

    Raises StoreError where the directory is in use or may not be written.
    """
    with Store.read(directory) as store:
        manifest = store.manifest()
    with Store.resume(directory, manifest) as store:
        count_opening(store, split, moment)
        opened = describe_openings(store)
        if results := store.results():
            text = json.dumps(results | {OPENED: opened}, indent=2, ensure_ascii=False) + "\n"
            write_whole(directory / RESULTS, lambda part: part.write_text(text, encoding="utf-8"))
        return opened
