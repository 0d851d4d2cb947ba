"""Which MCP servers there are: read from a file of the form that other programs use, `{"mcpServers": {…}}`. Starts nothing."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from modelyard.core.errors import InvalidParameter
from modelyard.core.wording import reason

VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")
KINDS = {"": "", "stdio": "stdio", "http": "http", "streamable-http": "http", "streamableHttp": "http", "sse": "sse"}


@dataclass(frozen=True, slots=True)
class McpServer:
    """One server: a command that speaks over its standard streams, or an address."""

    name: str
    command: str = ""
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Beside PATH, HOME and the like: our own environment, and the keys in it, are not handed on."""
    cwd: str | None = None
    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    sse: bool = False
    """Of an address: it speaks the older protocol, server-sent events, and not streamable HTTP."""


class _Entry(msgspec.Struct):
    """A server as it stands in the file."""

    command: str = ""
    args: tuple[str, ...] = ()
    env: dict[str, str] = {}
    cwd: str | None = None
    url: str = ""
    headers: dict[str, str] = {}
    type: str = ""
    disabled: bool = False


class _File(msgspec.Struct):
    mcpServers: dict[str, Any]


def read(path: Path) -> list[McpServer]:
    """The servers in a JSON file. Raises `InvalidParameter`."""
    try:
        return parse(msgspec.json.decode(path.read_bytes()))
    except OSError as error:
        raise _wrong(f"{path} cannot be read: {reason(error)}.") from error
    except msgspec.DecodeError as error:
        raise _wrong(f"{path} is not JSON: {error}.") from error


def parse(config: object) -> list[McpServer]:
    """The servers of a configuration, without those that are `disabled`.

    `${NAME}` and `${NAME:-default}` stand for variables of our environment, so that keys need not be in the file.
    Raises `InvalidParameter`, with the name of the server that is wrong.
    """
    try:
        entries = msgspec.convert(config, _File).mcpServers
    except msgspec.ValidationError as error:
        raise _wrong(f'it has the form {{"mcpServers": {{"name": {{…}}}}}}: {error}.') from error
    made = [_server(name, value) for name, value in entries.items()]
    return [each for each in made if each is not None]


def _server(name: str, value: object) -> McpServer | None:
    try:
        entry = msgspec.convert(value, _Entry)
    except msgspec.ValidationError as error:
        raise _wrong(f"server '{name}': {error}.") from error
    if entry.disabled:
        return None
    if entry.type not in KINDS:
        raise _wrong(f"server '{name}': its type is stdio, http or sse, not '{entry.type}'.")
    if bool(entry.command) == bool(entry.url):
        raise _wrong(f"server '{name}': it has a command or a url.")
    if (KINDS[entry.type] or "stdio") != "stdio" and entry.command:
        raise _wrong(f"server '{name}': a server of type {entry.type} has a url.")
    if entry.url and not entry.url.startswith(("http://", "https://", "${")):
        raise _wrong(f"server '{name}': its url is no http or https address.")
    return McpServer(
        name=name,
        command=_filled(name, entry.command),
        args=tuple(_filled(name, each) for each in entry.args),
        env={key: _filled(name, each) for key, each in entry.env.items()},
        cwd=entry.cwd,
        url=_filled(name, entry.url),
        headers={key: _filled(name, each) for key, each in entry.headers.items()},
        sse=KINDS[entry.type] == "sse",
    )


def _filled(server: str, text: str) -> str:
    def value(found: re.Match[str]) -> str:
        given = os.environ.get(found[1], found[2])
        if given is None:
            raise _wrong(f"server '{server}': the variable {found[1]} is not set.")
        return given

    return VARIABLE.sub(value, text)


def _wrong(problem: str) -> InvalidParameter:
    return InvalidParameter("mcp_servers", problem)
