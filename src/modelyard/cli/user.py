"""`modelyard user`: who may log in."""

from __future__ import annotations

import click

from modelyard.cli.key import day
from modelyard.cli.key_access import Office, with_office
from modelyard.cli.login import ask_password
from modelyard.cli.output import json_option, note, print_json, print_table


@click.group(short_help="Add, list and remove people who may log in.")
def command() -> None:
    """Add, list and remove people who may log in.

    Like `modelyard key`, this asks a running server, or works on the database of the home folder when none runs.
    """


@command.command("create")
@click.argument("name")
@click.option("--password", metavar="TEXT", help="Asked for, or read from a pipe, if left out, which is safer.")
@click.option("-s", "--scope", "scopes", metavar="SCOPE", multiple=True, help="What they may do; repeatable.")
@json_option
@with_office
def create(office: Office, name: str, password: str | None, scopes: tuple[str, ...], as_json: bool) -> None:
    """Add somebody. The first administrator gets the scope admin, others models:list and models:read, if none is named."""
    body = {"username": name, "password": ask_password(confirm=True) if password is None else password}
    made = office.create_user({**body, "scopes": list(scopes)} if scopes else body)
    if as_json:
        print_json(made)
    else:
        click.echo(f"{made['username']} may log in, and do: {', '.join(made['scopes'])}")


@command.command("list")
@json_option
@with_office
def list_users(office: Office, as_json: bool) -> None:
    """List who may log in."""
    users = office.users()
    if as_json:
        print_json(users)
    elif users:
        rows = [
            [str(each["id"]), each["username"], " ".join(each["scopes"]), day(each["created_at"])] for each in users
        ]
        print_table(("ID", "NAME", "SCOPES", "CREATED"), rows)
    else:
        note("Nobody may log in; `modelyard user create NAME` adds somebody.")


@command.command("remove")
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@json_option
@with_office
def remove(office: Office, names: tuple[str, ...], as_json: bool) -> None:
    """Remove people; where they are logged in ends within a second."""
    removed = [office.remove_user(name) for name in names]
    if as_json:
        print_json(removed)
        return
    for user in removed:
        click.echo(f"{user['username']} removed")
