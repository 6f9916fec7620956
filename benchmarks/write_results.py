"""Makes every table and picture of the docs that rests on stored results: `make results`.

    python benchmarks/write_results.py           write them
    python benchmarks/write_results.py --check   exit 1 where the docs say something else than what is stored

A page holds blocks, from ``<!-- results FILE.PART -->`` to ``<!-- end -->``. FILE is
docs/results/data/FILE.json, which store_results.py writes, or docs/results/FILE.md, which scripts/test_all.py
writes. The parts are the functions below; ``rows N`` is the N-th table that was printed.
docs/results/README.md lists where every figure comes from.
"""

from __future__ import annotations

import json
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from picture import draw
from quickstart import row_of, table
from seeds import over_seeds, pooled, rate
from store_results import DATA, ROOT, read_samples, read_tables

DOCS = ROOT / "docs"
INDEX = DOCS / "results" / "README.md"
PICTURE = DOCS / "quickstart.svg"
_BLOCK = re.compile(r"(<!-- results (\w+)\.(\w+)(?: (\d+))? -->\n).*?(<!-- end -->)", re.DOTALL)
_SAID = re.compile(r"\b(?:Passed|Run|Seen) at commit (\w+), ([\d-]+)(?:.*? on (.+?)\.(?:\s|$))?", re.DOTALL)
_COMMAND = re.compile(r"^    (\S.*(?:\n        \S.*)*)|`(python [^`]+)`", re.MULTILINE)
_OUTPUT = re.compile(r"; done in \d|^[┃│]|^pass@1 changed|^best without training")
_BEGIN, _END = "<!-- index -->", "<!-- end -->"

Stored = Mapping[str, Any]


def write_table(stored: Stored) -> Iterator[str]:
    """A row a run: pass@1 before and after, and what elicitation reaches."""
    yield table([row_of(label, run) for label, run in stored["runs"].items()])


def write_source(stored: Stored) -> Iterator[str]:
    note = f" {stored['note']}" if stored["note"] else ""
    where = f"at commit {stored['commit']}, {stored['date']}, on {stored['machine']}"
    yield f"`{stored['command']}`, {where}.{note}"


def write_families(stored: Stored) -> Iterator[str]:
    """pass@1 by the number of steps, or by the family where families have none; the mean over runs."""
    yield "| held-out tasks | number | before | after, by run |"
    yield "| --- | --- | --- | --- |"
    runs = list(stored["runs"].values())
    groups: dict[str, list[str]] = defaultdict(list)
    for family in runs[0]["by_family"]:
        groups[family.rpartition("/")[2]].append(family)
    for group, families in groups.items():
        count = sum(runs[0]["by_family"][family]["tasks"] for family in families)
        before, after = (
            [_average(run["by_family"], families, when) for run in runs] for when in ("before", "after")
        )
        said = ", ".join(f"{100 * value:.0f}" for value in after)
        yield f"| {group} | {count} | {100 * min(before):.0f} to {100 * max(before):.0f} | {said} |"


def _average(by_family: Mapping[str, Any], families: list[str], when: str) -> float:
    parts = [by_family[family] for family in families]
    total: float = sum(part[when] * part["tasks"] for part in parts) / sum(part["tasks"] for part in parts)
    return total


def write_pooled(stored: Stored) -> Iterator[str]:
    """All runs of one name together, what stands before ``, seed N`` in their labels."""
    together: dict[str, list[Any]] = defaultdict(list)
    for label, run in stored["runs"].items():
        name = label.partition("seed ")[0].rstrip(", ")
        together[name].append(run["samples"])
    yield "| runs | before | after | times | difference by seed; mean with an interval over seeds and tasks |"
    yield "| --- | --- | --- | --- | --- |"
    for name, samples in together.items():
        if len(samples) < 2:
            continue
        before, after = ([read_samples(one[when]) for one in samples] for when in ("before", "after"))
        first, last = rate(pooled(before)), rate(pooled(after))
        times = f"{last / first:.1f}"
        yield f"| {name or 'all seeds'} | {first:.1f} | {last:.1f} | {times} | {over_seeds(before, after)} |"


def read_stored(name: str) -> Stored:
    """What store_results.py or scripts/test_all.py wrote under this name."""
    data = DATA / f"{name}.json"
    if data.exists():
        found: Stored = json.loads(data.read_text(encoding="utf-8"))
        return found
    page = (INDEX.parent / f"{name}.md").read_text(encoding="utf-8")
    said, command = _SAID.search(page), _COMMAND.search(page)
    if said is None or command is None:
        raise ValueError(
            f"docs/results/{name}.md does not say its command and commit; scripts/test_all.py does"
        )
    facts = dict(zip(("commit", "date", "machine"), said.groups(), strict=True))
    return {**facts, "command": command[1], "note": "", "tables": read_tables(page)}


def write_rows(stored: Stored, number: int) -> Iterator[str]:
    """The ``number``-th of the tables that were printed."""
    head, *rows = stored["tables"][number - 1]
    for row in (head, ["---"] * len(head), *rows):
        yield f"| {' | '.join(row)} |"


def write_output(stored: Stored) -> Iterator[str]:
    """Of what a run printed: how its stages ended, the table without its frame, and the two differences."""
    yield "```text"
    yield from (line for line in stored["output"] if _OUTPUT.search(line))
    yield "```"


PARTS: dict[str, Callable[[Stored], Iterator[str]]] = {
    "table": write_table,
    "source": write_source,
    "families": write_families,
    "pooled": write_pooled,
    "output": write_output,
}


def fill(text: str) -> str:
    """A page with its blocks written anew."""

    def write(found: re.Match[str]) -> str:
        begin, name, part, number, end = found.groups()
        stored = read_stored(name)
        lines = write_rows(stored, int(number or 1)) if part == "rows" else PARTS[part](stored)
        return "\n".join([begin.rstrip(), *lines, end])

    return _BLOCK.sub(write, text)


def write_index() -> str:
    """docs/results/README.md with the list of all stored files and pages."""
    head = ["| page or file | command | commit | date | machine |", "| --- | --- | --- | --- | --- |"]
    files = [_describe_file(path) for path in sorted(DATA.glob("*.json"))]
    pages = [page for page in sorted(INDEX.parent.glob("*.md")) if page != INDEX]
    rows = [_describe_page(page) for page in pages if not _BLOCK.search(page.read_text(encoding="utf-8"))]
    table = "\n".join([*head, *files, *rows])
    text = INDEX.read_text(encoding="utf-8")
    begin, end = text.index(_BEGIN) + len(_BEGIN), text.index(_END)
    return f"{text[:begin]}\n\n{table}\n\n{text[end:]}"


def _describe_file(path: Path) -> str:
    stored = json.loads(path.read_text(encoding="utf-8"))
    facts = [stored[name] for name in ("commit", "date", "machine")]
    return f"| [data/{path.name}](data/{path.name}) | `{stored['command']}` | {' | '.join(facts)} |"


def _describe_page(page: Path) -> str:
    """What a page says of itself: its command is what is indented first, or the first that is set as code."""
    text = page.read_text(encoding="utf-8")
    said, command = _SAID.search(text), _COMMAND.search(text)
    asked = f"`{' '.join((command[1] or command[2]).split())}`" if command else "by hand"
    facts = [" ".join((fact or "–").split()) for fact in (said.groups() if said else ("", "", ""))]
    return f"| [{page.stem}]({page.name}) | {asked} | {' | '.join(facts)} |"


def list_pages() -> dict[Path, str]:
    """Every page and picture that holds a stored figure, as it should be."""
    pages = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
    texts = {page: page.read_text(encoding="utf-8") for page in pages}
    written = {page: fill(text) for page, text in texts.items() if _BLOCK.search(text)}
    run = json.loads((DATA / "quickstart.json").read_text(encoding="utf-8"))["runs"]["seed 0"]
    return {**written, INDEX: write_index(), PICTURE: draw(run, run["rewards"])}


def main() -> int:
    stale = []
    for path, text in list_pages().items():
        if "--check" not in sys.argv[1:]:
            path.write_text(text, encoding="utf-8")
        elif path.read_text(encoding="utf-8") != text:
            stale.append(str(path.relative_to(ROOT)))
    if stale:
        print(f"not what is stored: {', '.join(stale)}; run: make results", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
