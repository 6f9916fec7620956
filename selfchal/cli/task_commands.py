"""The group ``selfchal tasks``: ``reward`` is imported alone, and everything else when it is asked for."""

from __future__ import annotations

import click

from selfchal.cli.groups import SuggestingGroup

_REWARD = "reward"


class _TaskCommands(SuggestingGroup):
    def list_commands(self, ctx: click.Context) -> list[str]:
        from selfchal.cli.tasks import tasks as others

        return sorted([*others.commands, _REWARD])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name == _REWARD:
            from selfchal.cli.reward import reward

            return reward
        from selfchal.cli.tasks import tasks as others

        return others.commands.get(cmd_name)


@click.group(cls=_TaskCommands)
def tasks() -> None:
    """List, show, export or judge tasks."""
