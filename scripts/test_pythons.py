"""Runs the tests that need no torch on every Python of 3.11 to 3.13 that is found, in light environments.

python scripts/test_pythons.py [--list] [--others] [arguments for pytest]

Each environment has the package, what it asks for and the test tools, and nothing else; it is made anew in a
temporary folder. The tests that take seconds run; arguments for pytest choose others. Tests by random
examples try a fifth of them, for it is not the values that differ between Pythons. Pythons are looked for
on PATH and among pyenv's. ``--others`` leaves out the version that runs this. Stops at the first whose tests
fail, with their exit code.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[1]
MINORS = (11, 12, 13)
PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "2", "--dist", "loadfile")
CHOSEN = ("-m", "not slow", "tests", "examples/selfchal-library/tests")
FUZZ_FACTOR = "0.2"


def find_pythons(minors: Sequence[int] = MINORS) -> dict[int, Path]:
    """An interpreter for each of these that there is one of: the one of PATH, else pyenv's newest."""
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = {}
    for minor in minors:
        named = shutil.which(f"python3.{minor}")
        of_pyenv = sorted(versions.glob(f"3.{minor}.*/bin/python"), key=_read_patch, reverse=True)
        candidates = [Path(sys.executable), *([Path(named)] if named else []), *of_pyenv]
        python = next((path for path in candidates if _can_run(path, minor)), None)
        if python is not None:
            found[minor] = python
    return found


def _read_patch(python: Path) -> int:
    patch = python.parts[-3].rpartition(".")[2]
    return int(patch) if patch.isdecimal() else -1  # 3.13.0rc1, 3.13-dev


def _can_run(python: Path, minor: int) -> bool:
    """Is it that version, with venv? A shim of pyenv answers to its name and may run nothing."""
    code = f"import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != (3, {minor}))"
    return subprocess.run([python, "-c", code], capture_output=True, check=False).returncode == 0


def make_environment(python: Path, directory: Path) -> Path:
    """A light environment in that folder; its interpreter."""
    subprocess.run([python, "-m", "venv", directory], check=True)
    light = directory / "bin" / "python"
    install: list[str | Path] = [light, "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
    library = ROOT / "examples" / "selfchal-library"
    subprocess.run([*install, "-e", f"{ROOT}[test]", "-e", library], check=True)
    return light


def run_tests(pythons: dict[int, Path], pytest_arguments: list[str]) -> int:
    """Make an environment for each and run the tests in one after another; the first exit code but 0."""
    with tempfile.TemporaryDirectory(prefix="selfchal-light-") as directory:
        with ThreadPoolExecutor() as side_by_side:
            folders = [Path(directory) / str(minor) for minor in pythons]
            lights = list(side_by_side.map(make_environment, pythons.values(), folders))
        for minor, light in zip(pythons, lights, strict=True):
            print(f"the tests that need no torch, on Python 3.{minor}", flush=True)
            command = [light, *PYTEST, *(pytest_arguments or CHOSEN)]
            environ = {"SELFCHAL_FUZZ_FACTOR": FUZZ_FACTOR, **os.environ}
            code = subprocess.run(command, cwd=ROOT, env=environ, check=False).returncode
            if code != 0:
                return code
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--list", action="store_true", help="say which Pythons are found, and stop")
    parser.add_argument("--others", action="store_true", help="leave out the version that runs this")
    own, for_pytest = parser.parse_known_args()
    minors = [minor for minor in MINORS if not (own.others and minor == sys.version_info.minor)]
    pythons = find_pythons(minors)
    for minor in minors:
        print(f"Python 3.{minor}: {pythons.get(minor, 'not found, so nothing is tested on it')}", flush=True)
    if own.list:
        return 0
    return run_tests(pythons, for_pytest)


if __name__ == "__main__":
    sys.exit(main())
