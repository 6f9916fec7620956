"""Runs benchmarks at another commit and at this checkout in turns, so that their figures can be compared.

python scripts/compare_commits.py COMMIT [--rounds 2] -- BENCHMARK [argument …] [-- BENCHMARK …]

    python scripts/compare_commits.py 64f5851 -- judging --tasks 60 -- rollouts --repeats 2

Figures of two runs an hour apart say little on a machine that others use too, so here the commits take turns.
The other commit gets a work tree and an environment of its own, which borrows the packages of the environment
that runs this. Prints Markdown. A benchmark that fails is printed with its error, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import sysconfig
import tempfile
import time
import venv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]


@contextmanager
def check_out(commit: str) -> Iterator[tuple[Path, Path]]:
    """A work tree of the commit and a Python with its package installed. Both are removed at the end."""
    with tempfile.TemporaryDirectory(prefix="selfchal-compare-") as directory:
        tree = Path(directory) / "tree"
        subprocess.run(["git", "worktree", "add", "--quiet", "--detach", tree, commit], cwd=ROOT, check=True)
        try:
            yield tree, _install(tree, Path(directory) / "venv")
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", tree], cwd=ROOT, check=True)


def _install(tree: Path, environment: Path) -> Path:
    venv.create(environment, with_pip=False)
    python = environment / "bin" / "python"
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    own = subprocess.run([python, "-c", ask], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    # Later on the path than the environment's own packages, so the commit's selfchal hides the present one.
    (Path(own) / "zz_borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    pip: list[str | Path] = [sys.executable, "-m", "pip", "--python", python, "--quiet"]
    subprocess.run([*pip, "install", "--no-deps", "--no-build-isolation", tree], check=True)
    return python


def run_benchmark(python: Path, tree: Path, arguments: Sequence[str]) -> tuple[str, bool]:
    """What it printed, both streams, and whether it ended well."""
    name, *options = arguments
    command: list[str | Path] = [python, f"benchmarks/{name}.py", *options]
    done = subprocess.run(
        command, cwd=tree, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return done.stdout, done.returncode == 0


def read_benchmarks(arguments: Sequence[str]) -> list[list[str]]:
    """The lists of arguments between the lone dashes."""
    benchmarks: list[list[str]] = []
    for argument in arguments:
        if argument == "--":
            benchmarks.append([])
        else:
            benchmarks[-1].append(argument)
    return [benchmark for benchmark in benchmarks if benchmark]


def main() -> int:
    before, _, after = " ".join(sys.argv[1:]).partition(" -- ")
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("commit", metavar="COMMIT")
    parser.add_argument("--rounds", type=int, default=2, help="how often each commit runs each benchmark")
    wanted = parser.parse_args(before.split())
    failed = False
    with check_out(wanted.commit) as (tree, python):
        sides = ((wanted.commit, tree, python), ("this checkout", ROOT, Path(sys.executable)))
        for benchmark in read_benchmarks(["--", *after.split()]):
            print(f"## {' '.join(benchmark)}\n", flush=True)
            for number in range(1, wanted.rounds + 1):
                for label, folder, interpreter in sides:
                    started = time.monotonic()
                    printed, ended_well = run_benchmark(interpreter, folder, benchmark)
                    failed = failed or not ended_well
                    print(f"Round {number}, {label}, {time.monotonic() - started:.0f} s:\n", flush=True)
                    print("".join(f"    {line}\n" for line in printed.splitlines()), flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
