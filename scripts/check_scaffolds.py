"""Is what `selfchal plugins new` writes green from the start, for every kind of plugin?

python scripts/check_scaffolds.py [KIND …]

Writes a package of each kind, installs all of them (editable, without dependencies, with no network) in a
new virtual environment that borrows the packages of the one that runs this. Then come mypy (strict) on all of
them, their tests, and `selfchal plugins check` at semantic level on each. Prints how long each step took.
Exits with 1 where a step fails, with what it said.

mypy reads selfchal's own configuration, as strict as that of the packages, and keeps what it learns in
selfchal's cache: with an empty cache it reads torch and transformers for a minute or two.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tempfile
import time
import venv
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from selfchal.plugins.kinds import KINDS
from selfchal.plugins.scaffold import scaffold

ROOT = Path(__file__).parents[1]
SECONDS = "240"  # for the rules of one plugin: the attacks on a sandbox take half a minute on an idle core
SLOW = {"sandbox"}
OPTIONS = {"watcher": ["--set", "file=told.txt"]}  # what has no default


class StepFailedError(Exception):
    """A step ended with another exit code than 0."""


def main() -> int:
    kinds = sys.argv[1:] or [kind.name for kind in KINDS]
    with tempfile.TemporaryDirectory(prefix="selfchal-scaffolds-") as name:
        folder = Path(name)
        packages = [scaffold(kind, f"demo_{kind}", folder / kind) for kind in kinds]
        started = time.monotonic()
        try:
            check(folder, dict(zip(kinds, packages, strict=True)))
        except StepFailedError as error:
            print(error, file=sys.stderr)
            return 1
        print(f"{len(kinds)} scaffolds are green, {time.monotonic() - started:.0f} s")
    return 0


def check(folder: Path, packages: dict[str, Path]) -> None:
    """Raises StepFailedError at the first step that fails."""
    python = make_environment(folder / "venv")
    editable = [word for package in packages.values() for word in ("-e", str(package))]
    pip = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", *editable]
    run("install", [python, *pip], folder)
    checks = {kind: make_check(python, kind) for kind in packages}
    with ThreadPoolExecutor(1) as beside:  # the attacks on a sandbox mostly wait
        slow = {kind: checks.pop(kind) for kind in SLOW if kind in checks}
        futures = [beside.submit(run, f"check {kind}", command, folder) for kind, command in slow.items()]
        check_the_rest(python, folder, packages, checks)
        for future in futures:
            future.result()


def check_the_rest(
    python: str, folder: Path, packages: dict[str, Path], checks: dict[str, list[str]]
) -> None:
    """Types, tests, and the rules of each kind, one after the other. Raises StepFailedError."""
    code = [str(package / part) for package in packages.values() for part in ("src", "tests")]
    run("mypy", [sys.executable, "-m", "mypy", *code], ROOT)
    tests = [str(package / "tests") for package in packages.values()]
    run("tests", [python, "-m", "pytest", "-q", "-p", "selfchal.testing.fixtures", *tests], folder)
    for kind, command in checks.items():
        run(f"check {kind}", command, folder)


def make_check(python: str, kind: str) -> list[str]:
    command = [python, "-m", "selfchal", "plugins", "check", f"demo_{kind}", "--kind", kind]
    return [*command, *OPTIONS.get(kind, []), "--seconds", SECONDS]


def make_environment(folder: Path) -> str:
    """A new virtual environment's Python; it finds the packages of this one beside its own."""
    venv.create(folder)
    inside = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    borrowed = sysconfig.get_path("purelib")
    (inside / "borrowed.pth").write_text(f"import site; site.addsitedir({borrowed!r})\n", encoding="utf-8")
    return str(folder / "bin" / "python")


def run(step: str, command: list[str], folder: Path) -> None:
    started = time.monotonic()
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise StepFailedError(f"{step} failed: {' '.join(command)}\n{done.stdout}{done.stderr}")
    last = done.stdout.strip().rpartition("\n")[2]
    print(f"{step:18} {time.monotonic() - started:5.1f} s  {last}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
