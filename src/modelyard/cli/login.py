"""`modelyard login`: gets a token for a name and password, and stores it for later commands."""

from __future__ import annotations

import sys

import click

from modelyard.cli import tokens
from modelyard.cli.connection import connect
from modelyard.cli.language import translate
from modelyard.cli.output import json_option, print_json, print_sentence


@click.command(short_help="Log in to a server.")
@click.option("-e", "--endpoint", metavar="URL", help="The server; else $MODELYARD_ENDPOINT, else this machine.")
@click.option("-u", "--username", metavar="NAME", help="If omitted, the command asks for it.")
@click.option("--password", metavar="TEXT", help="If omitted (safer), asked for, or read from a pipe.")
@json_option
def command(endpoint: str | None, username: str | None, password: str | None, as_json: bool) -> None:
    """Log in to a server with name and password.

    The token is stored in the home folder, readable only by you. Every command for this server then uses
    it, unless --api-key or MODELYARD_API_KEY is given. It is renewed automatically until thirty days after its last use.
    """
    username = username or click.prompt(translate("Username"), err=True)
    password = ask_password() if password is None else password
    with connect(endpoint, "unused") as client:
        answer = client.auth.token(username, password)
        path = tokens.save(client.base_url, username, answer)
    if as_json:
        print_json({"endpoint": client.base_url, "username": username, "file": str(path)})
    else:
        print_sentence(f"Logged in to {client.base_url} as {username}.")


def ask_password(confirm: bool = False, text: str = "Password") -> str:
    """A password typed at the terminal without echo, or the first line of a pipe."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    return str(click.prompt(translate(text), hide_input=True, confirmation_prompt=confirm, err=True))
