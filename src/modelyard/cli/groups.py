"""The group of a command's subcommands, such as those of `modelyard kb`."""

from __future__ import annotations

import click

from modelyard.core.nearest import nearest

SAME = {
    "add": ("create", "upload"),
    "new": ("create",),
    "make": ("create",),
    "ls": ("list",),
    "rm": ("remove", "delete"),
    "delete": ("remove", "revoke"),
    "remove": ("delete", "revoke"),
    "get": ("show", "download"),
    "stop": ("cancel",),
}
"""Words for a subcommand → those of the same meaning, which groups have in their place."""


class SubcommandGroup(click.Group):
    """A group whose error for an unknown subcommand names the one that was probably meant, or all of them."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name, known = args[0], self.list_commands(ctx)
        if ctx.resilient_parsing or name in known or name.startswith("-"):
            return super().resolve_command(ctx, args)
        near = next((each for each in SAME.get(name, ()) if each in known), None) or nearest(name, known)
        hint = f"Did you mean '{near}'?" if near else f"There are: {', '.join(known)}."
        raise click.UsageError(f"There is no command '{name}' of `{ctx.command_path}`. {hint}", ctx)
