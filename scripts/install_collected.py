"""Puts the pieces that lie beside this file together and installs their wheels, without a network.

    python install.py

``scripts/collect_for_gpu.py`` copies this file beside the pieces. The wheels go into the Python that it runs
in, by one call of pip that looks nowhere else. It needs nothing but the standard library and pip.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
from pathlib import Path


def find_broken(folder: Path) -> list[str]:
    """What is wrong with the pieces, a line for each that is missing or differs from its checksum."""
    broken = []
    for line in (folder / "SHA256SUMS").read_text().splitlines():
        wanted, name = line.split("  ")
        piece = folder / name
        if not piece.is_file():
            broken.append(f"{name} is missing: copy it too")
        elif hashlib.sha256(piece.read_bytes()).hexdigest() != wanted:
            broken.append(f"{name} differs from its checksum: copy it again")
    return broken


def unpack(folder: Path) -> None:
    """Join the pieces in order and unpack them into ``folder``: ``wheels``, and ``files`` if any."""
    joined = folder / "bundle.tar"
    with joined.open("wb") as whole:
        for piece in sorted(folder.glob("piece-*")):
            whole.write(piece.read_bytes())
    with tarfile.open(joined) as archive:
        archive.extractall(folder, filter="data")
    joined.unlink()


def install(wheels: Path) -> None:
    """With what they need, all of which must lie beside them or be installed already."""
    command = [sys.executable, "-m", "pip", "install", "--no-index", "--find-links", str(wheels)]
    subprocess.run([*command, *map(str, sorted(wheels.glob("*.whl")))], check=True)


def main() -> int:
    folder = Path(__file__).resolve().parent
    if broken := find_broken(folder):
        print("\n".join(broken), file=sys.stderr)
        return 1
    unpack(folder)
    install(folder / "wheels")
    return 0


if __name__ == "__main__":
    sys.exit(main())
