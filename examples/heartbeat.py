"""Two watchers: a function that hears of every run, and a class that a manifest asks for."""

from pathlib import Path

from pydantic import BaseModel

from selfchal import hookimpl


@hookimpl
def run_ended(run, results):
    print(f"{run.name} was stopped" if results is None else f"{run.name} is done")


class HeartbeatConfig(BaseModel, extra="forbid"):
    file: Path


class Heartbeat:
    """Keeps a line in a file that says where the run is."""

    name = "heartbeat"
    Config = HeartbeatConfig

    def __init__(self, config):
        self.file = config.file

    @hookimpl
    def stage_progressed(self, run, stage, done, total):
        self.file.write_text(f"{run.name}: {stage}, {done} of {total or 'unknown'}\n")


@hookimpl
def register_watchers():
    return [Heartbeat]
