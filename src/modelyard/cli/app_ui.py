"""`modelyard app-ui`: a server with one model, and the chat with it in a browser, like ms-swift's `app-ui`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import click

from modelyard.cli.deploy import OWN, Announce, serve_one
from modelyard.cli.output import print_sentence
from modelyard.cli.swift_models import passthrough
from modelyard.cli.web_page import open_page, page_address
from modelyard.compat.swift.flags import parse, truth

RENAMED = {"server_name": "host", "server_port": "port"}
"""ms-swift's flags of the address, and ours."""
PAGE = ("share", "inbrowser", "lang")
"""Flags about its page."""

SETTINGS = passthrough(
    "Chat with one model in a browser, like ms-swift's app-ui.",
    "Start a server with one model, at 127.0.0.1:7860, and open the page of its chat. Ctrl-C stops both.",
    {
        "server_name ADDRESS": "also --host: beyond this machine only with --api_key or --insecure",
        "server_port N": "also --port: 7860; an error if it is in use",
        "api_key KEY": "the key with which people log in",
        "inbrowser false": "print the address only",
        "verbose": "log one line per request",
    },
)


@click.command(short_help=SETTINGS["short_help"], help=SETTINGS["help"], context_settings=SETTINGS["context_settings"])
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="--FLAG VALUE…")
def command(words: tuple[str, ...]) -> int:
    flags = parse(words, (*OWN, *RENAMED, *PAGE))
    own = {RENAMED.get(name, name): value for name, value in flags.own.items()}
    if truth(str(own.get("share", "false"))):
        raise click.UsageError(
            "--share is not here: no page is sent through somebody else's server. See --server_name."
        )
    return serve_one(replace(flags, own=own), 7860, _announcement(own))


def _announcement(own: Mapping[str, Any]) -> Announce:
    opens = truth(str(own.get("inbrowser", "true")))

    def announce(url: str, uid: str) -> None:
        address = page_address(url, uid)
        print_sentence(f"{uid} is ready at {address}\nCtrl-C stops it.")
        if opens:
            open_page(address)

    return announce
