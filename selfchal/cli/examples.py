"""``selfchal examples``: the manifests that come with the package, to begin with."""

from __future__ import annotations

from pathlib import Path

import click

import selfchal
from selfchal.cli.terminal import say
from selfchal.core.errors import ManifestError


@click.command()
@click.argument("name", default="")
@click.option("--out", type=click.Path(path_type=Path), help="The file to write (default: print it).")
def examples(name: str, out: Path | None) -> None:
    """List the example manifests, or write one.

    For example: selfchal examples quickstart --out quickstart.yaml
    """
    known = _find_examples()
    if not name:
        width = max(map(len, known))
        for each, path in known.items():
            say(f"{each:{width}}  {_read_first_line(path)}")
        return
    if name not in known:
        raise ManifestError(f"there is no example {name!r}; there are: {', '.join(known)}")
    text = known[name].read_text(encoding="utf-8")
    if out is None:
        say(text, nl=False)
        return
    if out.exists():
        raise ManifestError(f"{out} is there already; choose another place with --out")
    out.write_text(text, encoding="utf-8")
    say(f"Wrote {out}. Now:\n  selfchal run {out}")


def _find_examples() -> dict[str, Path]:
    """Name, as in ``paper/retail_grpo``, and file of each."""
    package = Path(selfchal.__file__).parent
    installed, checkout = package / "examples", package.parent / "examples"
    folder = installed if installed.is_dir() else checkout
    files = [
        path for pattern in ("*.yaml", "one_gpu/*.yaml", "paper/*.yaml") for path in folder.glob(pattern)
    ]
    return {str(path.relative_to(folder).with_suffix("")): path for path in sorted(files)}


def _read_first_line(path: Path) -> str:
    """What it says of itself in its first comment."""
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    return first.removeprefix("#").strip()
