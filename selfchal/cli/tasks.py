"""``selfchal tasks``: list, show and export the tasks of a run; judge tasks from anywhere."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from selfchal.cli.choices import choose_plugin, choose_section
from selfchal.cli.export import FORMATS, export_tasks
from selfchal.core.environment import Environment
from selfchal.core.errors import ManifestError
from selfchal.core.judge import Outcome
from selfchal.core.task import Task
from selfchal.core.world import Json
from selfchal.judging import JudgeSpec, judge_rows
from selfchal.judging.coverage import coverage
from selfchal.pipeline.sources import read_rows
from selfchal.pipeline.store import Store

KEPT = "kept"


@dataclass(frozen=True)
class Row:
    """A task of a run: kept with its status (train, validation, too easy …), or fallen with the reason."""

    task: Task
    round: int
    status: str
    reason: str = ""


@click.group()
def tasks() -> None:
    """List, show, export or judge tasks."""


@tasks.command("list")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--rejected", is_flag=True, help="Show the proposals that were not kept, with the reason.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_tasks(run: Path, rejected: bool, as_json: bool) -> None:
    """List the tasks that a run kept."""
    with Store.read(run) as store:
        rows = list(_list_rejected(store) if rejected else _list_kept(store))
    for row in rows:
        first = row.task.instruction.strip().partition("\n")[0]
        if as_json:
            click.echo(
                json.dumps(
                    {
                        "id": row.task.id,
                        "status": row.status,
                        "reason": row.reason,
                        "instruction": row.task.instruction,
                    }
                )
            )
        else:
            why = f" ({row.reason.strip().partition(chr(10))[0][:100]})" if row.reason else ""
            click.echo(f"{row.task.id}  {row.status}{why}: {first[:120]}")
    if not rows and not as_json:
        click.echo("none")


@tasks.command("show")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("task_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(run: Path, task_id: str, as_json: bool) -> None:
    """Show one task whole; the beginning of its ID is enough."""
    with Store.read(run) as store:
        rows = [
            row for row in (*_list_kept(store), *_list_rejected(store)) if row.task.id.startswith(task_id)
        ]
    found = {row.task.id: row for row in reversed(rows)}
    if len(found) != 1:
        what = f"{len(found)} tasks begin with" if found else "no task begins with"
        raise ManifestError(f"{run}: {what} {task_id!r}; see them with: selfchal tasks list {run}")
    (row,) = found.values()
    if as_json:
        click.echo(json.dumps({**row.task.to_json(), "status": row.status, "reason": row.reason}, indent=2))
        return
    parts = [("status", f"{row.status}  {row.reason}".strip()), ("instruction", row.task.instruction)]
    parts += [("evaluate", row.task.evaluate), ("solution", row.task.solution)]
    parts += [(f"failure case {i}", code) for i, code in enumerate(row.task.failures, start=1)]
    parts += [
        ("context", json.dumps(row.task.context)),
        ("diagnostics", json.dumps(row.task.diagnostics, indent=1)),
    ]
    click.echo(f"task {row.task.id}")
    for title, text in parts:
        click.secho(f"\n{title}", bold=True)
        click.echo(text.strip("\n"))


@tasks.command("export")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--format", "form", type=click.Choice(sorted(FORMATS)), default="jsonl", help="See below.")
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="The file to write (a folder for parquet)."
)
def export(run: Path, form: str, out: Path) -> None:
    """Write a run's kept tasks, or its training episodes, for other programs.

    \b
    jsonl    one task a line, as `selfchal tasks judge` reads them
    parquet  the same in a folder with a data set card
    messages TRL: every solved training episode as one conversation
    sft      TRL: prompt and completion of every solved training episode
    dpo      TRL: prompt, chosen and rejected of tasks that were solved and failed
    """
    with Store.read(run) as store:
        count = export_tasks(store, form, out)
    click.echo(f"Wrote {count} rows to {out}")


@tasks.command("coverage")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show_coverage(run: Path, as_json: bool) -> None:
    """Show which tools, arguments and tables the kept tasks touch, and what they leave out."""
    with Store.read(run) as store:
        environment: Environment = choose_section("environment", store.manifest()["environment"]).make()
        seen = coverage(environment, [row.task for row in {r.task.id: r for r in _list_kept(store)}.values()])
    if as_json:
        click.echo(json.dumps(asdict(seen), indent=2))
        return
    click.echo(f"{seen.tasks} tasks")
    for title, counts in (("tools", seen.tools), ("arguments", seen.arguments), ("tables", seen.tables)):
        click.secho(f"\n{title}", bold=True)
        for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
            click.echo(f"{count:6}  {name}")
    click.echo(f"\nnot used by any task: {', '.join(seen.missing) or 'nothing'}")


@tasks.command("judge")
@click.argument("environment")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--sandbox", default="process", help="The sandbox that runs their code (default: process).")
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="An option of the environment; as often as wanted.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, with all that was measured.")
def judge(environment: str, file: Path, sandbox: str, overrides: tuple[str, ...], as_json: bool) -> None:
    """Judge the tasks of a JSONL file by running their code; one verdict a line.

    Each line has instruction, evaluate, solution, failures, and context where the world needs one.
    """
    world_maker = choose_plugin("environment", environment, overrides)
    code_runner = choose_plugin("sandbox", sandbox)
    verdicts = judge_rows(JudgeSpec(world_maker.make, code_runner.make), read_rows(file))
    for number, verdict in enumerate(verdicts, start=1):
        click.echo(json.dumps(verdict) if as_json else _format_verdict(number, verdict))


def _format_verdict(number: int, verdict: Mapping[str, Json]) -> str:
    environment = "" if verdict["outcome"] == Outcome.PASSED else f" at '{verdict['stage']}'"
    why = f": {verdict['reason']}" if verdict["reason"] else ""
    return f"{number}  {verdict['id'] or '-'}  {verdict['outcome']}{environment}{why}"


def _list_kept(store: Store) -> Iterator[Row]:
    for task, status in store.tasks():
        yield Row(task, 0, status)


def _list_rejected(store: Store) -> Iterator[Row]:
    for proposal in store.proposals():
        if proposal.task is not None and not proposal.verdict.passed:
            yield Row(proposal.task, proposal.round, f"not {proposal.verdict.stage}", proposal.verdict.reason)
