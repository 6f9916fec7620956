"""Two watchers: a function that hears of every run, and a class that a manifest asks for."""

from collections import Counter
from pathlib import Path

from pydantic import BaseModel

from selfchal import hookimpl


@hookimpl
def run_ended(run, results):
    print(f"{run.name} was stopped" if results is None else f"{run.name} is done")


class HeartbeatConfig(BaseModel, extra="forbid"):
    file: Path


class Heartbeat:
    """Keeps lines in a file that say where the run is, and at which checks its tasks fell."""

    name = "heartbeat"
    Config = HeartbeatConfig

    def __init__(self, config):
        self.file = config.file
        self.fallen = Counter()

    @hookimpl
    def task_judged(self, verdict):
        if not verdict.passed:
            self.fallen[verdict.check or verdict.stage] += 1

    @hookimpl
    def stage_progressed(self, run, stage, done, total):
        lines = [f"{run.name}: {stage}, {done} of {total or 'unknown'}"]
        lines += [f"{where}: {count}" for where, count in self.fallen.most_common()]
        self.file.write_text("\n".join(lines) + "\n")


@hookimpl
def register_watchers():
    return [Heartbeat]
