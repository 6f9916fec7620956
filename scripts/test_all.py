"""Every test and benchmark in full size, step by step; each leaves a page under docs/results/.

python scripts/test_all.py [STEP …] [--list]

A page says the command, the commit, the date, the machine and the end of the output. A step whose page says
that it passed at the present commit is not run again, so after a stop the same command goes on where it was.
A step that failed is run again. The commit is the last one that changed anything but these pages, and nothing
may be uncommitted, so that each page says what was tested. Exits with 1 when a step failed.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from selfchal.write_whole import write_whole

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "docs" / "results"
KEPT_LINES = 80
TESTS = ("tests", "examples/selfchal-library/tests", "examples/selfchal-reinforce/tests")
PIP_COMPLAINT = "WARNING: Location 'file:"  # about an index of this machine; no result
NOT_RESULTS = (".", ":(exclude)docs/results")


@dataclass(frozen=True)
class Step:
    """In the command ``{python}`` is this interpreter, and ``{commit}`` the commit that is tested."""

    name: str
    purpose: str
    command: Sequence[str]
    environ: Mapping[str, str] = field(default_factory=dict)


def _make_benchmark(name: str, purpose: str, *arguments: str) -> Step:
    return Step(name, purpose, ("{python}", f"benchmarks/{name}.py", *arguments))


STEPS = (
    Step(
        "tests",
        "every test, the slow ones too, with five times as many random examples and secrets",
        ("{python}", "-m", "pytest", "-q", *TESTS),
        {"SELFCHAL_FUZZ_FACTOR": "5"},
    ),
    Step(
        "fuzz",
        "the tests by random examples, with fifty times as many of them",
        ("{python}", "-m", "pytest", "-q", "-m", "hypothesis", "--timeout=7200", "tests"),
        {"SELFCHAL_FUZZ_FACTOR": "50"},
    ),
    Step(
        "newcomer",
        "the first part of the tutorial after a real installation, timed",
        ("{python}", "scripts/try_as_newcomer.py", "--install"),
    ),
    Step(
        "round_trips",
        "twenty exported tasks in Harbor's parser, verifiers, Inspect and TRL, the real packages",
        ("{python}", "scripts/round_trips.py"),
    ),
    _make_benchmark(
        "sandbox_soak", "100,000 executions in a row: nothing may grow", "--executions", "100000"
    ),
    _make_benchmark("sandbox", "how fast the sandboxes are"),
    _make_benchmark("judging", "how fast the judge is"),
    _make_benchmark("environments", "how fast the environments are"),
    _make_benchmark("rollouts", "how fast rollouts are"),
    _make_benchmark("training", "how fast the trainers are, beside TRL"),
    _make_benchmark("interval_coverage", "how often the intervals of scores hold the true value"),
    _make_benchmark("planted_faults", "how many of the faults that were planted in tasks the judge finds"),
    _make_benchmark("red_team", "which dishonest verifiers the judge refuses"),
    _make_benchmark(
        "fuzz_judge",
        "100,000 mutated tasks: none may crash the judge",
        *("--jobs", "4", "--out", "runs/fuzz_judge_{commit}"),
    ),
    _make_benchmark("hostile_sources", "what hostile sources cost the host"),
    _make_benchmark("natural_tasks", "which sound tasks in natural words the judge keeps"),
    _make_benchmark("ray_cluster", "a run on three nodes that are lost on the way, against one process"),
    _make_benchmark("engines", "what engines cost and give, and where one driver saturates"),
    _make_benchmark("audit", "what the audit finds in the tasks of tau-bench and tau2-bench"),
    _make_benchmark("quickstart", "the quick start on three seeds", "--seeds", "0,1,2"),
    _make_benchmark("algorithms", "four trainers on three seeds", "--jobs", "2"),
)


def find_commit() -> str:
    """The commit that is tested, abbreviated. Exits where the work tree differs from it."""
    changed = ask_git("status", "--porcelain", "--", *NOT_RESULTS)
    if changed:
        sys.exit(f"the results name a commit, so commit these first:\n{changed}")
    return ask_git("log", "-1", "--format=%h", "--", *NOT_RESULTS)


def ask_git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.rstrip()


def is_done(step: Step, commit: str, folder: Path) -> bool:
    """Does its page say that it passed at this commit?"""
    page = folder / f"{step.name}.md"
    return page.exists() and f"\nPassed at commit {commit}, " in page.read_text(encoding="utf-8")


def run_step(step: Step, commit: str, folder: Path) -> bool:
    """Run it, show what it prints, and write its page. Whether it passed."""
    command = [part.replace("{python}", sys.executable).replace("{commit}", commit) for part in step.command]
    last_lines: deque[str] = deque(maxlen=KEPT_LINES)
    started = time.monotonic()
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **step.environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            if not line.startswith(PIP_COMPLAINT):
                last_lines.append(line.rstrip().replace(str(ROOT), "."))  # the page is read elsewhere
    passed = process.returncode == 0
    ending = "Passed" if passed else f"Failed with exit code {process.returncode}"
    minutes = (time.monotonic() - started) / 60
    text = (
        f"# {step.name}: {step.purpose}\n\n    {_write_command(step)}\n\n{ending} at commit {commit}, "
        f"{time.strftime('%Y-%m-%d')}, after {minutes:.1f} minutes on {describe_machine()}.\n\n"
    )
    text += "".join(f"    {line}\n" if line else "\n" for line in last_lines)
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / f"{step.name}.md", lambda page: page.write_text(text, encoding="utf-8"))
    return passed


def _write_command(step: Step) -> str:
    environ = [f"{name}={value}" for name, value in step.environ.items()]
    return " ".join([*environ, *step.command]).replace("{python}", "python").replace("_{commit}", "")


def describe_machine() -> str:
    gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    system = f"{platform.system()} {platform.machine()}"
    return f"{os.cpu_count()} cores, {gib:.0f} GiB, {system}, Python {platform.python_version()}"


def run_steps(steps: Sequence[Step], commit: str, folder: Path) -> int:
    """Run those that are not done; how many failed."""
    failed = []
    for step in steps:
        if is_done(step, commit, folder):
            print(f"{step.name}: passed at {commit} already", flush=True)
            continue
        print(f"{step.name}: {step.purpose}", flush=True)
        if not run_step(step, commit, folder):
            failed.append(step.name)
    print(f"failed: {', '.join(failed)}" if failed else f"everything passed at {commit}", flush=True)
    return len(failed)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    names = [step.name for step in STEPS]
    parser.add_argument("steps", nargs="*", metavar="STEP", help=f"one of {', '.join(names)}; default: all")
    parser.add_argument("--list", action="store_true", help="say what there is, and stop")
    wanted = parser.parse_args()
    if unknown := set(wanted.steps) - set(names):
        parser.error(f"no step {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    if wanted.list:
        print("\n".join(f"{step.name:15} {step.purpose}" for step in STEPS))
        return 0
    chosen = [step for step in STEPS if not wanted.steps or step.name in wanted.steps]
    return min(1, run_steps(chosen, find_commit(), RESULTS))


if __name__ == "__main__":
    sys.exit(main())
