"""Does what a newcomer does: the commands of docs/tutorial/your-tools.md, one by one, in an empty folder.

python scripts/try_as_newcomer.py [--whole] [--install]

It stops where the page's first part ends: tools written, tasks made, judged and exported. With --whole it
goes on to the page's end. Every output is compared with the page's. Prints how long it took: the machine,
measured, and a person, counted. A person reads 238 words a minute (Brysbaert 2019), types 200 characters of
a command a minute, and takes 20 seconds to copy a file of the page. Exits with 1 where an output differs, or
where the first part takes ten minutes or more of reading and typing.

The installation is the newcomer's with --install: a new virtual environment, with all that pip gets for it.
Otherwise the new environment borrows the packages of the one that runs this, and gets selfchal alone.

How the page is read: ```console blocks hold commands after a dollar sign, and below each what it prints. "…"
there stands for any text in a line, and alone in a line for any number of lines. `<!-- file PATH -->` before
another block says that the block is a file.
"""

from __future__ import annotations

import argparse
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "tutorial" / "your-tools.md"
END_OF_FIRST_PART = "<!-- end of the first part -->"
PORT = "8011"  # which the page names; a free one takes its place
WORDS_A_MINUTE = 238
CHARACTERS_A_MINUTE = 200
SECONDS_A_FILE = 20
MINUTES = 10.0

_OWN = ("PYTHON", "PIP_", "COLUMNS")  # variables of whoever runs this, which a newcomer has not set
PROGRAMS = {  # of an environment that borrows its packages
    "selfchal": 'selfchal "$@"',
    "pytest": 'pytest "$@"',
    "pip": 'pip "$@" --no-build-isolation',  # hatchling is borrowed, so no network is needed
}

_BLOCK = re.compile(r"(?:<!-- file (\S+) -->\n)?(?:<!-- begin \S+ -->\n)?```(\w+)\n(.*?)```", re.DOTALL)


@dataclass(frozen=True)
class File:
    """A file that the page shows."""

    path: str
    text: str


@dataclass(frozen=True)
class Command:
    """A command line, and what the page says that it prints."""

    line: str
    expected: str


Step = File | Command


@dataclass(frozen=True)
class Done:
    """A command that was run. ``difference`` says how its output is another than the page's."""

    command: Command
    seconds: float
    difference: str


def read_steps(page: str) -> list[Step]:
    return [
        step for path, language, text in _BLOCK.findall(page) for step in _read_block(path, language, text)
    ]


def _read_block(path: str, language: str, text: str) -> Iterator[Step]:
    if path:
        yield File(path, text)
    elif language == "console":
        for one in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            whole = re.match(r"(?:.*\\\n)*.*\n", one)
            assert whole is not None
            yield Command(whole[0].strip(), one[whole.end() :].strip("\n"))


def count_reading_minutes(page: str) -> float:
    """All words of the page, its files and outputs too."""
    return len(re.sub(r"<!--.*?-->", "", page).split()) / WORDS_A_MINUTE


def count_typing_minutes(steps: list[Step]) -> float:
    typed = sum(len(step.line) for step in steps if isinstance(step, Command))
    files = sum(isinstance(step, File) for step in steps)
    return typed / CHARACTERS_A_MINUTE + files * SECONDS_A_FILE / 60


def find_difference(expected: str, printed: str) -> str:
    """Empty where the output is as the page says."""
    lines = [line.rstrip() for line in printed.strip().splitlines()]
    pattern = "".join(_write_pattern(line) for line in expected.splitlines())
    if re.fullmatch(pattern, "".join(f"{line}\n" for line in lines)):
        return ""
    return f"the page says:\n{expected}\nit printed:\n" + "\n".join(lines)


def _write_pattern(line: str) -> str:
    if line.strip() == "…":
        return r"(?:.*\n)*?"
    return r"[^\n]*?".join(re.escape(part) for part in line.rstrip().split("…")) + r"\n"


def make_environment(folder: Path, install: bool) -> Path:
    """A virtual environment with selfchal; its folder of programs."""
    venv.create(folder, with_pip=install)
    programs = folder / "bin"
    python = programs / "python"
    if install:
        subprocess.run([python, "-m", "pip", "install", "--quiet", f"{ROOT}"], check=True)
        return programs
    own = next((folder / "lib").glob("python*")) / "site-packages"
    borrowed = [path for path in sys.path if path.endswith("site-packages")]
    (own / "zz_borrowed.pth").write_text("\n".join([str(ROOT), *borrowed]) + "\n", encoding="utf-8")
    for program, command in PROGRAMS.items():
        (programs / program).write_text(f"#!/bin/sh\nexec {python} -m {command}\n", encoding="utf-8")
        (programs / program).chmod(0o755)
    return programs


def run_steps(steps: list[Step], folder: Path, programs: Path) -> Iterator[Done]:
    """Do them in this folder. Programs that the page starts in the background are ended at the end."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(_OWN)}
    environ |= {"PATH": f"{programs}{os.pathsep}{environ['PATH']}", "OMP_NUM_THREADS": "1"}
    environ |= {"PYTHONUNBUFFERED": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    port = _find_port()
    background: list[subprocess.Popen[str]] = []
    try:
        for step in steps:
            if isinstance(step, File):
                path = folder / step.path
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(step.text.replace(PORT, port), encoding="utf-8")
            else:
                yield _run_command(step, folder, environ, port, background)
    finally:
        for process in background:
            process.terminate()
            process.wait()


def _run_command(
    command: Command,
    folder: Path,
    environ: Mapping[str, str],
    port: str,
    background: list[subprocess.Popen[str]],
) -> Done:
    line = command.line.replace(PORT, port)
    started = time.monotonic()
    process = subprocess.Popen(
        ["bash", "-c", f"exec {line[:-1]}" if line.endswith("&") else line],
        cwd=folder,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
    )
    assert process.stdout is not None
    if line.endswith("&"):
        background.append(process)
        printed = process.stdout.readline()  # it says where it listens, and goes on
    else:
        printed = process.communicate()[0]
    difference = find_difference(command.expected, printed.replace(port, PORT))
    return Done(command, time.monotonic() - started, difference)


def _find_port() -> str:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return str(one.getsockname()[1])


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--whole", action="store_true", help="the whole page, not its first part alone")
    parser.add_argument("--install", action="store_true", help="install with pip, as a newcomer does")
    wanted = parser.parse_args()
    page = PAGE.read_text(encoding="utf-8")
    first = page.partition(END_OF_FIRST_PART)[0]
    steps = read_steps(page if wanted.whole else first)
    with tempfile.TemporaryDirectory(prefix="selfchal-newcomer-") as directory:
        started = time.monotonic()
        programs = make_environment(Path(directory) / "venv", wanted.install)
        print(f"{time.monotonic() - started:6.1f} s  the installation", flush=True)
        folder = Path(directory) / "empty"
        folder.mkdir()
        done = []
        for one in run_steps(steps, folder, programs):
            print(f"{one.seconds:6.1f} s  {one.command.line}", flush=True)
            done.append(one)
    for one in done:
        if one.difference:
            print(f"\n$ {one.command.line}\n{one.difference}")
    reading, typing = count_reading_minutes(first), count_typing_minutes(read_steps(first))
    print(f"machine {sum(one.seconds for one in done) / 60:.1f} min; the first part by hand: ", end="")
    print(f"reading {reading:.1f} min, typing {typing:.1f} min, of {MINUTES:.0f} min")
    return int(any(one.difference for one in done) or reading + typing >= MINUTES)


if __name__ == "__main__":
    sys.exit(main())
