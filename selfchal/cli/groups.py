"""A group of commands that names the nearest one where a command is mistyped."""

from __future__ import annotations

import difflib

import click


class SuggestingGroup(click.Group):
    """As ``click.Group``; click itself makes suggestions for options alone."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            known = self.list_commands(ctx)
            near = difflib.get_close_matches(args[0], known, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"There are: {', '.join(known)}."
            raise click.UsageError(f"{error.message} {hint}", ctx) from None
