"""``selfchal episodes``: find a run's episodes, read one, or write them for other programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from selfchal.api.reading import open_run
from selfchal.browsing.addresses import Address
from selfchal.browsing.episodes import describe_episode, describe_row, read_episode
from selfchal.browsing.exporting import FILE, export_lines
from selfchal.browsing.filters import EpisodeFilter
from selfchal.browsing.index import open_index
from selfchal.browsing.listing import PAGE, EpisodeRow, check_filter, list_episodes
from selfchal.browsing.outcomes import WORDS
from selfchal.browsing.verifiers import find_verifier
from selfchal.cli.groups import SuggestingGroup
from selfchal.cli.indexing import catch_up
from selfchal.cli.terminal import say, say_json, say_listing
from selfchal.core.episode import End, Episode
from selfchal.interop.inspect_log import export_episodes

_OUTCOME = click.Choice(list(WORDS))
_LONGEST_OPENING = 100  # characters of a task in a list


@click.group(cls=SuggestingGroup)
def episodes() -> None:
    """List, show or export a run's episodes."""


def filter_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """One option for each part of an EpisodeFilter."""
    parts = [
        click.option("--stage", default="", help="As the progress display calls it: 'evaluate before'."),
        click.option("--mode", default="", help="Of an evaluation: sampled, greedy, forced_greedy."),
        click.option("--solved", type=_OUTCOME, help="The episode's own outcome."),
        click.option("--before", type=_OUTCOME, help="Of the same attempt before training."),
        click.option("--after", type=_OUTCOME, help="Of the same attempt after training."),
        click.option("--family", default="", help="A kind of held-out tasks."),
        click.option("--task", default="", help="The id of a task."),
        click.option("--end", type=click.Choice([str(end) for end in End]), help="Why it ended."),
        click.option("--min-steps", type=click.IntRange(0), help="Turns of the agent, at least."),
        click.option("--max-steps", type=click.IntRange(0), help="Turns of the agent, at most."),
        click.option("--min-tokens", type=click.IntRange(0), help="Tokens of the conversation, at least."),
        click.option("--max-tokens", type=click.IntRange(0), help="Tokens of the conversation, at most."),
        click.option(
            "--search", "text", default="", help='Words that were all said; "a phrase"; conv* for a start.'
        ),
        click.option(
            "--where",
            type=click.Choice(["said", "seen", "asked"]),
            help="Search what the agent said, what it saw, or what the task asked (default: said and seen).",
        ),
    ]
    for part in reversed(parts):
        command = part(command)
    return command


@episodes.command("list")
@click.argument("run", type=click.Path(path_type=Path))
@filter_options
@click.option("--newest", is_flag=True, help="Begin with what was stored last.")
@click.option("--limit", type=click.IntRange(1), default=PAGE, show_default=True, help="Episodes to list.")
@click.option("--from", "begin", type=click.IntRange(0), help="Go on from where a list ended.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_command(
    run: Path, newest: bool, limit: int, begin: int | None, as_json: bool, **wanted: Any
) -> None:
    """List the episodes of a run that fit all options.

    The system prompt is not searched. The first search in a run makes an index beside its store.
    """
    chosen = _make_filter(wanted)
    with open_index(run) as index:
        catch_up(index)
        check_filter(index, chosen)
        page = list_episodes(index, chosen, begin, limit, newest=newest, patience=float("inf"))
    for row in page.rows:
        if as_json:
            say_json(describe_row(row))
        else:
            say_listing(_format_row(row))
    if not page.rows and not as_json:
        say("none")
    if page.following is not None:
        say(f"there may be more: --from {page.following}", err=True)


@episodes.command("show")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("episode")
@click.option("--system", is_flag=True, help="Print the system prompt too.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with every token.")
def show(run: Path, episode: str, system: bool, as_json: bool) -> None:
    """Print one episode of a run, by the name that `selfchal episodes list` gives it.

    After it comes what decided over it, where the run noted that: the task's verifier, or the outcome that a
    held-out task expects.
    """
    address = Address.parse(episode)
    with open_index(run) as index:
        found = read_episode(index, address)
        catch_up(index)
        verifier = find_verifier(index, found.task)
    if as_json:
        decided = {name: verifier[name] for name in ("evaluate", "truth") if name in verifier}
        say_json({**describe_episode(address, found), **decided}, indent=2)
        return
    for line in (*_format_episode(address, found, system), *_format_verifier(verifier)):
        say(line)


@episodes.command("export")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--to", "target", type=click.Choice(["inspect", "jsonl"]), required=True, help="See below.")
@filter_options
def export(run: Path, directory: Path, target: str, **wanted: Any) -> None:
    """Write a run's episodes into DIRECTORY.

    \b
    inspect  a log for each measurement, which `inspect view` and Scout open:
             the evaluation episodes, all of them
    jsonl    episodes.jsonl: every episode that fits all options, one a line,
             whole: messages, ids, mask, logprobs, reward, end
    """
    chosen = _make_filter(wanted)
    if target == "jsonl":
        _export_lines(run, directory, chosen)
        return
    if not chosen.is_empty():
        raise click.UsageError("--to inspect writes all evaluation episodes; choose some with --to jsonl")
    count = export_episodes(open_run(run), directory)
    say(f"Wrote {count} episodes to {directory}; see them with: inspect view --log-dir {directory}")


def _export_lines(run: Path, directory: Path, chosen: EpisodeFilter) -> None:
    with open_index(run) as index:
        catch_up(index)
        check_filter(index, chosen)
        exported = export_lines(index, chosen, directory)
    say(f"Wrote {exported.count:,} episodes to {directory / FILE}")
    if exported.unreadable:
        named = ", ".join(exported.unreadable[:5])
        say(f"{len(exported.unreadable):,} are damaged and left out: {named}", err=True)


def _make_filter(wanted: Mapping[str, Any]) -> EpisodeFilter:
    return EpisodeFilter(**{name: value for name, value in wanted.items() if value is not None})


def _format_row(row: EpisodeRow) -> str:
    opening = " ".join(row.opening.split())[:_LONGEST_OPENING]
    change = ""
    if row.before is not None and row.after is not None:
        change = f", {row.before.word} before and {row.after.word} after"
    return (
        f"{row.address}  {row.solved.word}{change}; task {row.task[:80]}, {row.steps} steps, "
        f"{row.tokens} tokens, end: {row.end}: {opening}"
    )


def _format_episode(address: Address, episode: Episode, system: bool) -> Iterator[str]:
    yield f"{address}: task {episode.task}, sample {episode.sample}"
    for message in episode.messages:
        if message.role == "system" and not system:
            yield f"\n--- system: {len(message.content):,} characters (--system prints them)"
            continue
        yield f"\n--- {'agent' if message.role == 'assistant' else message.role}\n{message.content}"
    reward = "not judged" if episode.reward is None else f"reward {episode.reward:g}"
    reason = f" ({episode.reason})" if episode.reason else ""
    yield f"\n--- {reward}{reason}; end: {episode.end}"
    yield (
        f"answer: {episode.answer}\n{episode.steps} steps, {episode.tool_calls} tool calls, "
        f"{len(episode.ids)} tokens, {sum(episode.mask)} of them the agent's, {episode.seconds:.1f} s"
    )


def _format_verifier(verifier: Mapping[str, Any]) -> Iterator[str]:
    if "evaluate" in verifier:
        yield f"\n--- the verifier: the task's own evaluate\n{verifier['evaluate']}"
    elif "truth" in verifier:
        expected = json.dumps(verifier["truth"], indent=2, ensure_ascii=False, default=str)
        yield f"\n--- the expected outcome, by which the environment judges\n{expected}"
    else:
        yield "\n--- the run did not note what this task expects"
