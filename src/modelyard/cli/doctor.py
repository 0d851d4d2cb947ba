"""`modelyard doctor`: checks whether a server can run here, and what it would find. Changes nothing."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from modelyard.cli.connection import connect, server_options
from modelyard.cli.language import translate
from modelyard.cli.output import json_option, print_json
from modelyard.control.doctor import Finding, of_machine, of_settings
from modelyard.core.errors import ModelyardError
from modelyard.core.wording import reason

if TYPE_CHECKING:
    from modelyard.client import Client
    from modelyard.core.config import Settings

SIGNS = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "blocked": ("✗", "red")}


@click.command(short_help="Check this machine and the server.")
@click.option("-a", "--all", "every", is_flag=True, help="Also the engine that makes up answers, for tests.")
@json_option
@server_options
def command(endpoint: str | None, api_key: str | None, every: bool, as_json: bool) -> int:
    """Check this machine: hardware, engines, port, folders, database; and the server, if one answers.

    The exit code is 1 if a server could not run.
    """
    findings = list(examine(endpoint, api_key, every))
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        wide = max(len(finding.subject) for finding in findings)
        for finding in findings:
            sign, colour = SIGNS[finding.state]
            click.echo(f"{click.style(sign, fg=colour)} {finding.subject:<{wide}}  {translate(finding.detail)}")
    return int(any(finding.state == "blocked" for finding in findings))


def examine(endpoint: str | None, api_key: str | None, every: bool = False) -> Iterator[Finding]:
    """All findings, in the order of the report; with `every` also those about engines for tests."""
    from modelyard.cli.serve import settings

    yield from of_machine()
    try:
        chosen = settings({})
    except click.UsageError as error:
        yield Finding("blocked", "settings", error.message)
        return
    yield from of_settings(chosen, every)
    yield from _server_or_port(chosen, endpoint, api_key)


def _server_or_port(chosen: Settings, endpoint: str | None, api_key: str | None) -> Iterator[Finding]:
    """A finding about the server, if one answers; else about its port."""
    with connect(endpoint, api_key, timeout=3) as client:
        try:
            health: Any = client.cluster.health()
        except ModelyardError as error:
            yield Finding("ok", "server", f"none at {client.base_url}" if not endpoint else error.message)
        else:
            models = ", ".join(f"{uid} ({state.lower()})" for uid, state in health["models"].items())
            yield Finding("ok", "server", f"{health['version']} at {client.base_url}; models: {models or 'none'}")
            yield from _bases(client)
            if urlsplit(client.base_url).port == chosen.port:
                return
    yield _port(chosen.host, chosen.port)


def _bases(client: Client) -> Iterator[Finding]:
    """What does not work well in knowledge bases."""
    try:
        bases = client.knowledge.list()
    except ModelyardError as error:
        yield Finding("warning", "knowledge", error.message)
        return
    for base in bases:
        for each in base.get("warnings", []):
            yield Finding("warning", f"base {base['name']}", each)


def _port(host: str, port: int) -> Finding:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        return Finding(
            "blocked", "port", f"{host}:{port} cannot be listened on: {reason(error)}; choose another --port"
        )
    return Finding("ok", "port", f"{host}:{port} is free")
