"""Times what the author of a first environment does, from nothing to every rule kept: a transcript.

python scripts/time_plugin_author.py           writes docs/results/plugin_author.md
python scripts/time_plugin_author.py --print   prints it

The virtual environment borrows the packages of the one that runs this, so that no network is needed, and
downloading is left out of the times. Exits with the highest exit code of the commands.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from check_scaffolds import make_environment
from test_all import ask_git, describe_machine

PAGE = Path(__file__).parents[1] / "docs" / "results" / "plugin_author.md"
COMMANDS = [
    "selfchal plugins new environment my_desk",
    "cd selfchal-my_desk",
    "pip install -e . --no-deps --no-build-isolation --quiet",
    "pytest -q",
    "selfchal plugins list | grep my_desk",
    "selfchal plugins check my_desk",
]
MOST_LINES = 30  # of one command's output


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="selfchal-author-") as name:
        steps = run_commands(Path(name))
    page = write_page(steps)
    if "--print" in sys.argv[1:]:
        print(page)
    else:
        PAGE.write_text(page, encoding="utf-8")
    return max(code for _, _, _, code in steps)


def run_commands(folder: Path) -> list[tuple[str, float, str, int]]:
    """Each command with its seconds, its output and its exit code, in an active environment."""
    programs = Path(make_environment(folder / "venv")).parent
    for program in ("selfchal", "pytest", "pip"):
        file = programs / program
        file.write_text(f'#!/bin/sh\nexec "{programs}/python" -m {program} "$@"\n', encoding="utf-8")
        file.chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "OMP_NUM_THREADS": "1",
    }
    environment |= {"PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    here, steps = folder, list[tuple[str, float, str, int]]()
    for command in COMMANDS:
        if command.startswith("cd "):
            here = here / command[3:]
            steps.append((command, 0.0, "", 0))
            continue
        started = time.monotonic()
        done = subprocess.run(
            command, shell=True, cwd=here, env=environment, capture_output=True, text=True, check=False
        )
        seconds = time.monotonic() - started
        text = (done.stdout + done.stderr).replace(str(folder), "…").strip()
        steps.append((command, seconds, text, done.returncode))
    return steps


def write_page(steps: list[tuple[str, float, str, int]]) -> str:
    total = sum(seconds for _, seconds, _, _ in steps)
    lines = [
        "# A first environment, from nothing to every rule kept",
        "",
        f"`python scripts/time_plugin_author.py` made this page: {len(steps)} commands, {total:.0f} s of",
        "the machine, downloads left out.",
        "",
        f"Run at commit {ask_git('log', '-1', '--format=%h')}, {time.strftime('%Y-%m-%d')}, on "
        f"{describe_machine()}.",
        "",
        "```console",
    ]
    for command, seconds, text, code in steps:
        lines.append(f"$ {command}   # {seconds:.1f} s" + (f", exit code {code}" if code else ""))
        shown = text.splitlines()
        lines += shown[:MOST_LINES] + (["…"] if len(shown) > MOST_LINES else [])
    return "\n".join([*lines, "```", ""])


if __name__ == "__main__":
    sys.exit(main())
