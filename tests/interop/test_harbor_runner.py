"""Twenty exported tasks in Harbor's own runner, in containers of Podman: it builds each task's image from its
Dockerfile, and lets its own agents `oracle` and `nop` play.

The one thing that is not the export's is the base image: registries of images may be out of reach, so
``python:3.12-slim`` is packed from this machine, with selfchal's light base in it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.interop.test_round_trips import TASKS, export, find_environment

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
BASE = "docker.io/library/python:3.12-slim"
# The network is the machine's and limits are low, so that it works in a small machine or container too.
ENGINE = """[containers]
netns = "host"
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "{runtime}"
"""
STORE = '[storage]\ndriver = "overlay"\ngraphroot = "{folder}/images"\nrunroot = "{folder}/run"\n'
RUNTIMES = ("crun", "runc")


class Podman:
    """Podman with a store of its own, so that nobody else's images and containers are touched."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environ = {
            **os.environ,
            "CONTAINERS_CONF": str(folder / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # Harbor's library would ask the network for prices
        }
        (folder / "storage.conf").write_text(STORE.format(folder=folder))

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["podman", *words], capture_output=True, text=True, check=False, env=self.environ
        )

    def choose_runtime(self, image: str) -> str:
        """The first that starts a container here. Skips the test where none does."""
        said = ""
        for runtime in filter(shutil.which, RUNTIMES):
            (self.folder / "containers.conf").write_text(ENGINE.format(runtime=runtime))
            tried = self.run("run", "--rm", image, "selfchal", "--version")
            if tried.returncode == 0:
                return runtime
            said = tried.stderr.strip()
        pytest.skip(f"Podman starts no container on this machine: {said[-300:]}")

    def remove(self) -> None:
        self.run("rm", "--all", "--force")
        self.run("rmi", "--all", "--force")
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture(scope="module")
def podman(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Podman]:
    programs = find_environment("harbor")
    if "SELFCHAL_HARBOR_RUNNER" not in os.environ:
        pytest.skip("a hundred containers take half an hour; python scripts/round_trips.py runs them")
    if shutil.which("podman") is None:
        pytest.skip("there is no Podman on this machine (apt-get install podman crun)")
    folder = tmp_path_factory.mktemp("podman")
    made = Podman(folder)
    try:
        site, packed = folder / "site", folder / "base.tar"
        python = str(programs / "python")
        pip = [python, "-m", "pip", "--quiet", "install", "--target", str(site), str(ROOT), "pip"]
        subprocess.run(pip, check=True)
        pack = [python, "-m", "tests.support.harbor_image", str(site), str(packed)]
        subprocess.run(pack, check=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": f"{ROOT}:{site}"})
        (folder / "containers.conf").write_text("")
        path = "ENV PATH=/usr/local/bin:/usr/bin:/bin"
        imported = made.run("import", "--change", path, str(packed), BASE)
        assert imported.returncode == 0, imported.stderr
        made.choose_runtime(BASE)
        yield made
    finally:
        made.remove()


def run_harbor(podman: Podman, tasks: Path, agent: str, jobs: Path) -> dict[str, list[float | None]]:
    """The rewards of each task by Harbor's own record; None where it records an error."""
    programs = find_environment("harbor")
    words = [
        "run",
        "-p",
        tasks,
        "-a",
        agent,
        "-e",
        "podman",
        "-o",
        jobs,
        "--job-name",
        agent,
        "-y",
        "-q",
        "-n",
        "2",
        "--no-delete",  # Podman would remove images that a build beside it has just found in its cache
    ]
    words += ["--environment-build-timeout-multiplier", "6"]  # a machine with other work builds slowly
    environ = {**podman.environ, "PATH": f"{programs}:{podman.environ['PATH']}"}
    command = [str(programs / "harbor"), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ)
    assert done.returncode == 0, done.stdout + done.stderr
    rewards: dict[str, list[float | None]] = {}
    for file in sorted((jobs / agent).glob("*/result.json")):
        trial = json.loads(file.read_text())
        judged = trial["verifier_result"]
        reward = None if trial["exception_info"] or judged is None else judged["rewards"]["reward"]
        rewards.setdefault(trial["task_name"], []).append(reward)
    return rewards


def write_failures(task: Path, folder: Path) -> Sequence[Path]:
    """A copy of the task for each of its failure cases, whose solution makes that case's calls."""
    written = []
    for number, calls in enumerate(json.loads((task / "tests" / "task.json").read_text())["failures"]):
        copied = folder / f"{task.name}-{number}"
        shutil.copytree(task, copied)
        lines = "".join(json.dumps(call) + "\n" for call in calls)
        (copied / "solution" / "solve.sh").write_text(
            f"#!/bin/sh\ncall_tool - <<'END_OF_CALLS'\n{lines}END_OF_CALLS\n"
        )
        config = copied / "task.toml"
        config.write_text(config.read_text().replace(f"/{task.name}", f"/{copied.name}"))
        written.append(copied)
    return written


@pytest.mark.timeout(7_200)
def test_harbors_runner_gives_oracles_one_and_nothing_else(podman: Podman, tmp_path: Path) -> None:
    tasks = export(tmp_path, "retail", "harbor")
    names = {f"selfchal/{task.name}" for task in tasks.iterdir()}
    assert len(names) == TASKS
    assert run_harbor(podman, tasks, "oracle", tmp_path / "jobs") == {name: [1.0] for name in names}
    assert run_harbor(podman, tasks, "nop", tmp_path / "jobs") == {name: [0.0] for name in names}
    failing = tmp_path / "failing"
    failures = [case for task in sorted(tasks.iterdir()) for case in write_failures(task, failing)]
    assert len(failures) >= 3 * TASKS
    rewards = run_harbor(podman, failing, "oracle", tmp_path / "failures")
    assert rewards == {f"selfchal/{case.name}": [0.0] for case in failures}
