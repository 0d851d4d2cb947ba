"""`modelyard user`: manages the users who may log in."""

from __future__ import annotations

import click

from modelyard.cli.groups import SubcommandGroup
from modelyard.cli.key import day
from modelyard.cli.key_access import KeyAccess, with_keys
from modelyard.cli.login import ask_password
from modelyard.cli.output import json_option, note, print_json, print_sentence, print_table


@click.group(cls=SubcommandGroup, short_help="Create, list, change and remove users.")
def command() -> None:
    """Create, list, change and remove users, who may log in, and change passwords.

    Like `modelyard key`, this uses a running server, or the database of the home folder if none is running.
    """


@command.command("create")
@click.argument("name")
@click.option("--password", metavar="TEXT", help="If omitted (safer), asked for, or read from a pipe.")
@click.option("-s", "--scope", "scopes", metavar="SCOPE", multiple=True, help="A permission; repeatable.")
@json_option
@with_keys
def create(access: KeyAccess, name: str, password: str | None, scopes: tuple[str, ...], as_json: bool) -> None:
    """Add a user. Without --scope, the first administrator gets the scope admin, later users get those of inference."""
    body = {"username": name, "password": ask_password(confirm=True) if password is None else password}
    made = access.create_user({**body, "scopes": list(scopes)} if scopes else body)
    if as_json:
        print_json(made)
    else:
        print_sentence(f"{made['username']} may log in with the scopes {', '.join(made['scopes'])}")


@command.command("list")
@json_option
@with_keys
def list_users(access: KeyAccess, as_json: bool) -> None:
    """List the users."""
    users = access.users()
    if as_json:
        print_json(users)
    elif users:
        rows = [
            [str(each["id"]), each["username"], " ".join(each["scopes"]), day(each["created_at"])] for each in users
        ]
        print_table(("ID", "NAME", "SCOPES", "CREATED"), rows)
    else:
        note("There are no users; `modelyard user create NAME` adds one.")


@command.command("update")
@click.argument("name")
@click.option(
    "-s", "--scope", "scopes", metavar="SCOPE", multiple=True, required=True, help="A permission; repeatable."
)
@json_option
@with_keys
def update(access: KeyAccess, name: str, scopes: tuple[str, ...], as_json: bool) -> None:
    """Give a user other scopes, from the next request on. The last administrator keeps the scope admin."""
    changed = access.change_user(name, list(scopes))
    if as_json:
        print_json(changed)
    else:
        print_sentence(f"{changed['username']} has the scopes {', '.join(changed['scopes'])}")


@command.command("passwd")
@click.argument("name", required=False)
@json_option
@with_keys
def passwd(access: KeyAccess, name: str | None, as_json: bool) -> None:
    """Change a password: your own, or as an administrator that of NAME.

    Your own is that of `modelyard login`; it asks for the present one first. Passwords may also come from a pipe, one a line. All
    other logins of the user end.
    """
    if name is None:
        present = ask_password(text="Present password")
        ended = access.change_password(present, ask_password(confirm=True, text="New password"))
        if as_json:
            print_json({"ended": ended})
        else:
            print_sentence("Your password is changed." + (f" {ended} other logins have ended." if ended else ""))
        return
    user = access.set_password(name, ask_password(confirm=True, text=f"New password of {name}"))
    if as_json:
        print_json(user)
    else:
        print_sentence(f"The password of {user['username']} is changed, and all their logins have ended.")


@command.command("remove")
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@json_option
@with_keys
def remove(access: KeyAccess, names: tuple[str, ...], as_json: bool) -> None:
    """Remove users; their logins end within a second."""
    removed = [access.remove_user(name) for name in names]
    if as_json:
        print_json(removed)
        return
    for user in removed:
        print_sentence(f"{user['username']} removed")
