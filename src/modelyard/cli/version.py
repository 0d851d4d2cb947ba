"""`modelyard version`: prints the versions of this program and of the server."""

from __future__ import annotations

import platform

import click

from modelyard import __version__
from modelyard.cli.connection import connect, server_options
from modelyard.cli.output import json_option, print_json, print_sentence
from modelyard.core.errors import ModelyardError


@click.command(short_help="Show versions.")
@json_option
@server_options
def command(endpoint: str | None, api_key: str | None, as_json: bool) -> None:
    """Show the version of this program, and of the server if one answers."""
    with connect(endpoint, api_key, timeout=5) as client:
        try:
            server: str | None = client.cluster.version()["version"]
            server_line = f"server {server} at {client.base_url}"
        except ModelyardError as error:
            server, server_line = None, error.message
    if as_json:
        print_json({"modelyard": __version__, "python": platform.python_version(), "server": server})
    else:
        print_sentence(f"modelyard {__version__} on Python {platform.python_version()}")
        print_sentence(server_line)
