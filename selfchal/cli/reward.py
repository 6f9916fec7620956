"""``selfchal tasks reward``: alone in its module, since exported tasks wait for it to start."""

from __future__ import annotations

from pathlib import Path

import click

from selfchal.cli.terminal import say
from selfchal.interop.rewarding import reward_calls


@click.command("reward")
@click.argument("task", type=click.Path(path_type=Path))
@click.argument("calls", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Write the reward into this file, too.")
@click.option("--sandbox", default="process", help="The sandbox that runs evaluate (default: process).")
def reward(task: Path, calls: Path, out: Path | None, sandbox: str) -> None:
    """Reward an episode of an exported TASK: make its CALLS again on a fresh world, and evaluate it.

    First the task itself is tried: its solution must pass, doing nothing and every failure case must fail.
    The exit code is 2, and no reward is written, where that is not so or the sandbox fails.
    """
    given = reward_calls(task, calls, sandbox)
    if out is not None:
        out.write_text(f"{given.value}\n", encoding="utf-8")
    say(f"{given.value}{f': {given.reason}' if given.reason else ''}")
