"""``selfchal tasks``: list, show and export the tasks of a run; judge tasks from anywhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import click

from selfchal.api.opening import using_environment
from selfchal.api.reading import Row, RunView, open_run
from selfchal.api.running import use_named_plugins
from selfchal.cli.export import FORMATS, export_tasks
from selfchal.cli.groups import SuggestingGroup
from selfchal.cli.options import plugin_option, read_check, read_options
from selfchal.cli.terminal import say, say_json, say_listing
from selfchal.cli.verdicts import judge_file, judge_run
from selfchal.core.errors import ManifestError
from selfchal.core.judge import Outcome
from selfchal.core.task import Task
from selfchal.interop.exporting import export_run
from selfchal.interop.formats import TARGETS
from selfchal.judging.coverage import coverage
from selfchal.pipeline.manifest.stored import choose_environment_section
from selfchal.pipeline.outcomes import name_check
from selfchal.pipeline.test_sets import EXAM_STATUS


@click.group(cls=SuggestingGroup)
def tasks() -> None:
    """List, show, export or judge tasks."""


@tasks.command("list")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--rejected", is_flag=True, help="Show the proposals that were not kept, with the reason.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_tasks(run: Path, rejected: bool, as_json: bool) -> None:
    """List the tasks that a run kept."""
    view = open_run(run)
    rows = list(_list_rejected(view) if rejected else _list_kept(view))
    for row in rows:
        if as_json:
            say_json({key: row[key] for key in ("id", "status", "reason", "instruction")})
        else:
            why = f" ({_cut_first_line(row['reason'])[:100]})" if row["reason"] else ""
            say_listing(f"{row['id']}  {row['status']}{why}: {_cut_first_line(row['instruction'])[:120]}")
    if not rows and not as_json:
        say("none")


@tasks.command("show")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("task_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(run: Path, task_id: str, as_json: bool) -> None:
    """Show one task or rejected proposal whole; the beginning of its ID is enough.

    Of a rejected one the reason and what the challenger was told are shown too, with the traceback.
    """
    row = _find_one(run, task_id)
    if as_json:
        say_json(row, indent=2)
        return
    parts = [("status", f"{row['status']}  {row['reason']}".strip())]
    parts += [("feedback", row["feedback"])] if row.get("feedback") else []
    parts += [(part, row[part]) for part in ("instruction", "evaluate", "solution") if part in row]
    parts += [(f"failure case {i}", code) for i, code in enumerate(row.get("failures", ()), start=1)]
    parts += [("context", json.dumps(row["context"]))] if "context" in row else []
    parts += [("diagnostics", json.dumps(row["diagnostics"], indent=1))]
    say(f"task {row['id']}")
    for title, text in parts:
        say(f"\n{title}", bold=True)
        say(text.strip("\n"))


def _find_one(run: Path, task_id: str) -> Row:
    """The task or rejected proposal with this ID, or the only one whose ID begins so."""
    view = open_run(run)
    rows = {row["id"]: row for row in (*_list_rejected(view), *_list_kept(view))}
    if task_id in rows:
        return rows[task_id]
    found = [row for name, row in rows.items() if name.startswith(task_id)]
    if len(found) != 1:
        what = f"{len(found)} tasks begin with" if found else "no task begins with"
        raise ManifestError(
            f"{run}: {what} {task_id!r}; see them with: selfchal tasks list {run}, also with --rejected"
        )
    return found[0]


@tasks.command("export")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("directory", type=click.Path(path_type=Path), required=False)
@click.option("--to", "target", type=click.Choice(sorted(TARGETS)), help="Write tasks into DIRECTORY for it.")
@click.option("--format", "form", type=click.Choice(sorted(FORMATS)), help="See below (default: jsonl).")
@click.option(
    "--out", type=click.Path(path_type=Path), help="The file to write with --format (a folder for parquet)."
)
@click.option("--environment", "named", help="Of a run with several environments: the one that is meant.")
def export(
    run: Path,
    directory: Path | None,
    target: str | None,
    form: str | None,
    out: Path | None,
    named: str | None,
) -> None:
    """Write a run's kept tasks, or its training episodes, for other programs.

    With --to each task becomes one that the other program can play and reward (docs/interop.md). It is
    checked first, and one that would not be judged there as here is left out and named.

    \b
    harbor    a directory a task: container, instruction, MCP server, solution, verifier
    hf        a data set folder for the Hugging Face hub: Parquet and a card
    inspect   a module with one task: samples, tools, scorer
    trl       an environment_factory for GRPOTrainer, and the tasks as its data set
    verifiers a package with a Taskset: tools, reward by replay, validate

    With --format and --out the rows are written as they are:

    \b
    jsonl    one task a line, as `selfchal tasks judge` reads them
    exam     the same of the tasks that were set apart to measure with
    parquet  the same in a folder with a data set card
    prompts  TRL: what an agent reads before its first turn, beside the task
    messages TRL: every solved training episode as one conversation
    sft      TRL: prompt and completion of every solved training episode
    dpo      TRL: prompt, chosen and rejected of tasks that were solved and failed
    """
    if target is not None and directory is not None and form is None and out is None:
        exported = export_run(open_run(run), TARGETS[target], directory, environment_name=named)
        for name, why in exported.left_out:
            say(f"left out {name}: {why}", err=True)
        say(f"Wrote {exported.count} tasks to {directory}")
    elif out is not None and target is None and directory is None:
        count = export_tasks(open_run(run), form or "jsonl", out)
        say(f"Wrote {count} rows to {out}")
    else:
        raise click.UsageError(
            "say where to: selfchal tasks export RUN --to NAME DIRECTORY, or RUN [--format NAME] --out FILE"
        )


@tasks.command("coverage")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--environment", "named", help="Of a run with several environments: the one that is meant.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show_coverage(run: Path, named: str | None, as_json: bool) -> None:
    """Show which tools, arguments and tables the kept tasks touch, and what they leave out."""
    view = open_run(run)
    kept = {row["id"]: Task.from_json(row) for row in view.tasks() if row["status"] != EXAM_STATUS}
    manifest = view.manifest()
    use_named_plugins(manifest)
    with using_environment(choose_environment_section(manifest, named)) as environment:
        seen = coverage(
            environment, [task for task in kept.values() if task.environment in ("", environment.name)]
        )
    if as_json:
        say_json(asdict(seen), indent=2)
        return
    say(f"{seen.tasks} tasks")
    for title, counts in (("tools", seen.tools), ("arguments", seen.arguments), ("tables", seen.tables)):
        say(f"\n{title}", bold=True)
        for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
            say(f"{count:6}  {name}")
    say_listing(f"\nnot used by any task: {', '.join(seen.missing) or 'nothing'}")


@tasks.command("judge")
@click.argument("environment", metavar="ENVIRONMENT|RUN")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option(
    "--sandbox", help="The sandbox that runs their code (default: process; of a run, the run's own)."
)
@plugin_option("environment")
@click.option(
    "--check",
    "checks",
    multiple=True,
    metavar="YAML",
    help="A check to add, by name, or a section of a manifest's checks; as often as wanted.",
)
@click.option("--secret", help="What wrong outcomes are drawn from; the same one gives the same verdicts.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, with all that was measured.")
@click.pass_context
def judge(
    ctx: click.Context,
    environment: str,
    file: Path | None,
    sandbox: str | None,
    overrides: tuple[str, ...],
    checks: tuple[str, ...],
    secret: str | None,
    as_json: bool,
) -> None:
    """Judge the tasks of a JSONL file by running their code; or the stored tasks of a RUN again.

    Of a FILE each line has instruction, evaluate, solution, failures, and context where the world needs one.
    Verdicts begin with the number of their line. The standard checks judge; --check '{name: completeness,
    enabled: false}' switches one off. The exit code is 2 when a line could not be read, else 1 when a task
    fell or could not be checked.

    Of a RUN alone its kept and refused tasks are judged as the run judged them, with its secret. Verdicts
    that have changed are shown: tools, data, checks or the program have changed. The exit code is then 1.
    """
    chosen = [read_check(text) for text in checks]
    options = read_options(overrides)
    if file is None:
        if not Path(environment).exists():
            raise ManifestError(
                f"there is no run directory {environment!r}; the tasks of a file are judged by: selfchal "
                "tasks judge ENVIRONMENT FILE"
            )
        if sandbox is not None or secret is not None:
            raise click.UsageError("a run is judged again in its own sandbox and with its own secret")
        ctx.exit(judge_run(Path(environment), options, chosen, as_json))
    ctx.exit(
        judge_file(file, {**options, "name": environment}, sandbox or "process", chosen, secret, as_json)
    )


def _cut_first_line(text: str) -> str:
    return text.strip().partition("\n")[0]


def _list_kept(view: RunView) -> Iterator[Row]:
    """The kept tasks, each with its status (train, validation, too easy …)."""
    for row in view.tasks():
        yield {**_drop(row, "round"), "reason": ""}


def _list_rejected(view: RunView) -> Iterator[Row]:
    """The proposals that fell, each with the stage that it did not reach. Those in which no task could be
    read are called by round and number."""
    for row in view.proposals():
        if row["outcome"] != Outcome.PASSED:
            parts = _drop(row, "round", "index", "outcome", "stage", "revisions")
            status = f"not {row['stage']}{name_check(row['check'])}"
            yield {"id": f"proposal-{row['round']}-{row['index']}", **parts, "status": status}


def _drop(row: Row, *keys: str) -> Row:
    return {key: value for key, value in row.items() if key not in keys}
