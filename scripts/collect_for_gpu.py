"""Collects what a GPU machine without a network lacks: wheels for its Python, this package, and folders.

    python -m pip list --format=freeze > have.txt                   on the GPU machine
    python scripts/collect_for_gpu.py --have have.txt --python 3.12 --out bundle
        [--extra train --extra peft] [--add DIRECTORY] [--glibc 2.28] [--machine x86_64] [--piece-mb 60]
    python bundle/install.py                                        on the GPU machine

`--out` then holds pieces of at most 60 MB, which may travel one by one, `SHA256SUMS`, which `sha256sum -c`
reads too, and `install.py`. That checks the pieces, puts them together and installs the wheels with the
Python that it runs in, without a network. What `--add` names lies in `bundle/files` afterwards: small
weights, or `benchmarks` to measure with.

pip resolves with the versions that the machine has, and nothing of these is downloaded. It decides what is
needed on which Python by the Python that it runs in, so run this with the machine's version if you can.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
MEGABYTE = 1_000_000
OLDEST_GLIBC = 5  # the 5 of manylinux_2_5, below which there are no wheels


def read_installed(text: str) -> dict[str, str]:
    """The packages of ``pip list --format=freeze``: version by name, in the form that wheels use.

    Raises ValueError where a line gives no version.
    """
    versions = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        name, _, version = line.partition("==")
        if not version:
            raise ValueError(f"--have: {line!r} gives no version; write it with pip list --format=freeze")
        versions[re.sub(r"[-_.]+", "_", name).lower()] = version
    return versions


def list_platforms(glibc: str, machine: str) -> list[str]:
    """Every platform whose wheels run on a Linux with this glibc, the newest first."""
    minors = range(int(glibc.removeprefix("2.")), OLDEST_GLIBC - 1, -1)
    older = [f"{name}_{machine}" for name in ("manylinux2014", "manylinux2010", "manylinux1")]
    return [f"manylinux_2_{minor}_{machine}" for minor in minors] + older + [f"linux_{machine}"]


def write_placeholder(directory: Path, name: str, version: str) -> Path:
    """An empty wheel that stands for a package of the machine while pip resolves: it needs nothing."""
    wheel = directory / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return wheel


def download(
    requirements: Sequence[str],
    installed: dict[str, str],
    target: Path,
    python: str,
    platforms: Sequence[str],
) -> None:
    """Put into ``target`` the wheels of the requirements and of what they need, but for what is installed."""
    with tempfile.TemporaryDirectory() as scratch:
        lines = []
        for name, version in installed.items():
            lines.append(f"{name} @ {write_placeholder(Path(scratch), name, version).as_uri()}\n")
        constraints = Path(scratch) / "constraints.txt"
        constraints.write_text("".join(lines))
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--dest", str(target)]
        command += ["--only-binary=:all:", "--python-version", python, "--constraint", str(constraints)]
        command += [f"--platform={platform}" for platform in platforms]
        subprocess.run([*command, *requirements], check=True)
    for wheel in target.glob("*.whl"):
        if wheel.name.partition("-")[0].lower() in installed:
            wheel.unlink()


def build_package(target: Path) -> Path:
    """A wheel of this checkout."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(target)]
    subprocess.run([*command, str(ROOT)], check=True)
    [wheel] = target.glob("selfchal-*.whl")
    return wheel


def write_pieces(content: Path, out: Path, piece_bytes: int) -> list[Path]:
    """Pack a folder into pieces of at most so many bytes, their checksums and ``install.py`` beside them."""
    out.mkdir(parents=True)
    packed = out / "bundle.tar"
    with tarfile.open(packed, "w") as archive:
        archive.add(content, arcname=".")
    pieces: list[Path] = []
    with packed.open("rb") as file:
        while data := file.read(piece_bytes):
            piece = out / f"piece-{len(pieces):04}"
            piece.write_bytes(data)
            pieces.append(piece)
    packed.unlink()
    sums = [f"{hashlib.sha256(piece.read_bytes()).hexdigest()}  {piece.name}\n" for piece in pieces]
    (out / "SHA256SUMS").write_text("".join(sums))
    shutil.copyfile(Path(__file__).with_name("install_collected.py"), out / "install.py")
    return pieces


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="a new folder for the pieces")
    parser.add_argument("--have", type=Path, help="pip list --format=freeze of the machine")
    parser.add_argument("--python", default=f"{sys.version_info[0]}.{sys.version_info[1]}")
    parser.add_argument("--glibc", default="2.28")
    parser.add_argument("--machine", default="x86_64")
    parser.add_argument("--extra", action="append", default=[], help="of selfchal; may be repeated")
    parser.add_argument("--requirement", action="append", default=[], help="one more package")
    parser.add_argument("--add", type=Path, action="append", default=[], help="a folder that travels along")
    parser.add_argument("--piece-mb", type=float, default=60)
    given = parser.parse_args()
    if given.out.exists():
        parser.error(f"--out: {given.out} is there already; name a new folder")
    try:
        installed = read_installed(given.have.read_text()) if given.have else {}
    except (OSError, ValueError) as error:
        parser.error(str(error))
    with tempfile.TemporaryDirectory() as scratch:
        content = Path(scratch) / "content"
        wheels = content / "wheels"
        wheels.mkdir(parents=True)
        package = build_package(wheels)
        extras = f"[{','.join(given.extra)}]" if given.extra else ""
        requirements = [f"selfchal{extras} @ {package.as_uri()}", *given.requirement]
        platforms = list_platforms(given.glibc, given.machine)
        download(requirements, installed, wheels, given.python, platforms)
        for folder in given.add:
            named = content / "files" / folder.resolve().name
            shutil.copytree(folder, named, ignore=shutil.ignore_patterns("__pycache__"))
        pieces = write_pieces(content, given.out, int(given.piece_mb * MEGABYTE))
        for wheel in sorted(wheels.iterdir()):
            print(f"{wheel.stat().st_size / MEGABYTE:8.2f} MB  {wheel.name}")
    total = sum(piece.stat().st_size for piece in pieces) / MEGABYTE
    print(f"{len(pieces)} pieces, {total:.1f} MB in all, in {given.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
