"""``selfchal audit``: are these tasks any good?"""

from __future__ import annotations

from pathlib import Path

import click

from selfchal.audit.auditing import audit as make_audit
from selfchal.audit.findings import TaskVerdict
from selfchal.audit.report import list_lines, to_json, write_page
from selfchal.audit.task_sets import AuditRequest
from selfchal.cli.options import plugin_option, read_options
from selfchal.cli.terminal import say, say_json, say_listing


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--environment", help="The environment that the tasks are played in, where they do not say it.")
@plugin_option("environment")
@click.option("--against", type=click.Path(path_type=Path), help="A test set that no task may stand in.")
@click.option("--sandbox", default="process", help="The sandbox that runs code of tasks (default: process).")
@click.option(
    "--hacker",
    type=click.Path(path_type=Path),
    metavar="MANIFEST",
    help="Let this manifest's model see each evaluate, and try to pass without doing the task.",
)
@click.option("--run", is_flag=True, help="Run strangers' Harbor tasks in containers, without a network.")
@click.option("--network", is_flag=True, help="Give the containers of --run a network.")
@click.option("--secret", help="What wrong outcomes are drawn from; the same one gives the same findings.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object with every task.")
@click.option("--html", type=click.Path(path_type=Path), help="Write a page with every task, too.")
@click.pass_context
def audit(
    ctx: click.Context,
    path: Path,
    environment: str | None,
    overrides: tuple[str, ...],
    against: Path | None,
    sandbox: str,
    hacker: Path | None,
    run: bool,
    network: bool,
    secret: str | None,
    as_json: bool,
    html: Path | None,
) -> None:
    """Say what is wrong with anybody's tasks.

    PATH is a file of Code-as-Task rows (JSONL) or the directory of a run, a directory of Harbor tasks, a
    package of verifiers, or a task file of tau-bench or tau2-bench. Rows are judged in a sandbox, calls are
    played in our worlds, and strangers' code is read, and run only by --run; what cannot be checked is named.

    docs/audit.md says what is checked in which format. The exit code is 0 where nothing certain was found, 1
    where something was, 2 where a task or the whole path cannot be read.
    """
    if network and not run:
        raise click.UsageError("--network is for the containers of --run; add --run, or leave it out")
    request = AuditRequest(environment, read_options(overrides), sandbox, secret, run, network)
    found = make_audit(path, request, against, hacker)
    if html is not None:
        write_page(found, html)
    if as_json:
        say_json(to_json(found))
    else:
        for line in list_lines(found):
            say_listing(line)
        if html is not None:
            say(f"Wrote {html}")
    if unread := found.verdicts.get(TaskVerdict.UNREADABLE):
        say(f"Error: {unread} of {len(found.tasks)} tasks cannot be read; the report says why", err=True)
    ctx.exit(found.exit_code)
