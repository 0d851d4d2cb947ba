"""`modelyard key`: creates, lists, changes, rotates and revokes API keys."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from modelyard.cli.durations import Duration
from modelyard.cli.groups import SubcommandGroup
from modelyard.cli.key_access import KeyAccess, with_keys
from modelyard.cli.output import json_option, note, print_json, print_sentence, print_table

if TYPE_CHECKING:
    from modelyard.client.account_types import KeyDict

LIMITS = ("models", "bases", "requests-per-minute", "tokens-per-minute", "expires-in")
TITLES = ("ID", "NAME", "PREFIX", "SCOPES", "MODELS", "PER MINUTE", "CREATED", "LAST USED", "STATE")


@click.group(cls=SubcommandGroup, short_help="Create, list, change, rotate and revoke API keys.")
def command() -> None:
    """Create, list, change, rotate and revoke API keys.

    As soon as there is a key, the server requires one, also on this machine. The commands use the server at --endpoint or
    on this machine. If none is running, they use the database of the home folder directly, so that the first key
    can be created before the server listens beyond this machine. With --home, they always use the database of that
    folder; a server that runs with it sees the change within a second.
    """


@command.command("create")
@click.option("-n", "--name", required=True, metavar="TEXT", help="The purpose of the key.")
@click.option("-s", "--scope", "scopes", metavar="SCOPE", multiple=True, help="A permission; repeatable. See below.")
@click.option("-m", "--model", "models", metavar="UID", multiple=True, help="Only this model; repeatable.")
@click.option("--base", "bases", metavar="NAME[:write]", multiple=True, help="Only this knowledge base; repeatable.")
@click.option(
    "--requests-per-minute", type=click.IntRange(1), metavar="N", help="Maximum inference requests per minute."
)
@click.option("--tokens-per-minute", type=click.IntRange(1), metavar="N", help="Maximum tokens per minute.")
@click.option("--expires-in", type=Duration(), metavar="TIME", help="Such as 12h or 30d; never if omitted.")
@click.option("--owner", metavar="ID", help="Share conversations and files with the key or user of this owner id.")
@json_option
@with_keys
def create(
    access: KeyAccess,
    name: str,
    scopes: tuple[str, ...],
    models: tuple[str, ...],
    bases: tuple[str, ...],
    requests_per_minute: int | None,
    tokens_per_minute: int | None,
    expires_in: float | None,
    owner: str | None,
    as_json: bool,
) -> None:
    """Create a key and print it, once.

    The first key gets the scope admin, later ones models:list and models:read, which inference needs. Others:
    tools:use, models:write, models:register, knowledge:read, knowledge:write, files:read, files:write, keys:create,
    keys:manage, users:manage, cache:list, cache:delete, logs:list, monitor:view, settings:read, settings:write.
    """
    body = {
        "name": name,
        "scopes": list(scopes) or None,
        "models": list(models) or None,
        "bases": levels(bases) or None,
        "requests_per_minute": requests_per_minute,
        "tokens_per_minute": tokens_per_minute,
        "expires_in": expires_in,
        "owner": owner,
    }
    made = access.create_key({field: value for field, value in body.items() if value is not None})
    if as_json:
        print_json(made)
        return
    click.echo(made["key"])
    note(f"Key {made['id']} ({made['name']}) may do: {', '.join(made['scopes'])}. It is shown only now: keep it safe.")
    note("Use it as MODELYARD_API_KEY, or as the api_key of any OpenAI client.")


@command.command("list")
@json_option
@with_keys
def list_keys(access: KeyAccess, as_json: bool) -> None:
    """List the keys, without their secrets."""
    keys = access.keys()
    if as_json:
        print_json(keys)
    elif keys:
        print_table(TITLES, [row(key) for key in keys])
    else:
        note("There is no key; `modelyard key create --name me` creates one.")


@command.command("update")
@click.argument("key", metavar="ID")
@click.option("-n", "--name", metavar="TEXT", help="Another name.")
@click.option("-s", "--scope", "scopes", metavar="SCOPE", multiple=True, help="All its permissions; repeatable.")
@click.option("-m", "--model", "models", metavar="UID", multiple=True, help="Only this model; repeatable.")
@click.option("--base", "bases", metavar="NAME[:write]", multiple=True, help="Only this knowledge base; repeatable.")
@click.option("--requests-per-minute", type=click.IntRange(1), metavar="N", help="Maximum requests per minute.")
@click.option("--tokens-per-minute", type=click.IntRange(1), metavar="N", help="Maximum tokens per minute.")
@click.option("--expires-in", type=Duration(), metavar="TIME", help="From now on, such as 12h or 30d.")
@click.option("--without", multiple=True, type=click.Choice(LIMITS), help="Take this limit away; repeatable.")
@json_option
@with_keys
def update(
    access: KeyAccess, key: str, bases: tuple[str, ...], without: tuple[str, ...], as_json: bool, **fields: Any
) -> None:
    """Change a key, named by id, prefix or name; its secret stays.

    What is not named stays as it is. The change holds from the next request on.
    """
    named = {**fields, "bases": levels(bases)}
    changes = {name: list(value) if isinstance(value, tuple) else value for name, value in named.items() if value}
    changes |= {name.replace("-", "_"): None for name in without}
    if not changes:
        raise click.UsageError("Name what to change, such as --scope or --without models.")
    changed = access.change_key(key, changes)
    if as_json:
        print_json(changed)
    else:
        print_table(TITLES, [row(changed)])


@command.command("rotate")
@click.argument("name", metavar="ID")
@json_option
@with_keys
def rotate(access: KeyAccess, name: str, as_json: bool) -> None:
    """Replace the secret of a key, named by id, prefix or name, and print the new one, once.

    Its scopes, limits, conversations and files stay; the old secret is refused within a second.
    """
    made = access.rotate_key(name)
    if as_json:
        print_json(made)
        return
    click.echo(made["key"])
    note(f"Key {made['id']} ({made['name']}) has a new secret. It is shown only now: keep it safe.")


@command.command("revoke")
@click.argument("names", metavar="ID...", nargs=-1, required=True)
@json_option
@with_keys
def revoke(access: KeyAccess, names: tuple[str, ...], as_json: bool) -> None:
    """Revoke keys by id, prefix or name; they are refused within a second."""
    revoked = [access.revoke_key(name) for name in names]
    if as_json:
        print_json(revoked)
        return
    for key in revoked:
        print_sentence(f"{key['id']} ({key['name']}) revoked")


def levels(bases: tuple[str, ...]) -> dict[str, str]:
    """The access level of each base of `--base`."""
    return {name.removesuffix(":write"): "write" if name.endswith(":write") else "read" for name in bases}


def row(key: KeyDict) -> list[str]:
    """The table cells of one key."""
    limits = (("requests", key["requests_per_minute"]), ("tokens", key["tokens_per_minute"]))
    return [
        key["id"],
        key["name"],
        key["prefix"],
        " ".join(key["scopes"]),
        "all" if key["models"] is None else " ".join(key["models"]),
        ", ".join(f"{limit} {what}" for what, limit in limits if limit) or "-",
        day(key["created_at"]),
        day(key["last_used_at"]) if key["last_used_at"] else "never",
        state(key),
    ]


def state(key: KeyDict) -> str:
    """Whether a key is valid, and until when."""
    if key["revoked_at"]:
        return "revoked"
    if not key["usable"]:
        return "expired"
    return f"until {day(key['expires_at'])}" if key["expires_at"] else "usable"


def day(moment: float) -> str:
    """A date in local time."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(moment))
