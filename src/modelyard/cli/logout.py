"""`modelyard logout`: revokes and deletes the token of `modelyard login`."""

from __future__ import annotations

import click

from modelyard.cli import tokens
from modelyard.cli.connection import connect
from modelyard.cli.output import json_option, note, print_json, print_sentence
from modelyard.core.errors import ModelyardError


@click.command(short_help="Log out of a server.")
@click.option("-e", "--endpoint", metavar="URL", help="The server; else $MODELYARD_ENDPOINT, else this machine.")
@click.option("--everywhere", is_flag=True, help="Also end your logins on other machines and in browsers.")
@json_option
def command(endpoint: str | None, everywhere: bool, as_json: bool) -> int:
    """Log out of a server: revoke the token there and delete it here."""
    with connect(endpoint, "unused") as client:
        url = client.base_url
    kept = tokens.read(url)
    problem = None
    if kept is not None:
        try:
            with connect(url, kept["access_token"]) as client:
                if everywhere:
                    client.auth.end_sessions()
                else:
                    client.auth.logout()
        except ModelyardError as error:
            problem = error.message
        tokens.forget(url)
    if as_json:
        print_json({"endpoint": url, "logged_out": kept is not None, "problem": problem})
    elif kept is None:
        note(f"You were not logged in to {url}.")
    else:
        print_sentence(f"Logged out of {url}.")
        if problem:
            note(f"The server could not revoke the token: {problem}", fg="yellow")
    return 0
