"""Reads the file that configures MCP servers, in the common format `{"mcpServers": {…}}`. Starts no server."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from modelyard.core.errors import InvalidParameter
from modelyard.core.mismatches import reworded
from modelyard.core.wording import reason

VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")
KINDS = {"": "", "stdio": "stdio", "http": "http", "streamable-http": "http", "streamableHttp": "http", "sse": "sse"}


@dataclass(frozen=True, slots=True)
class McpServer:
    """One server: a command that communicates over standard streams, or an address."""

    name: str
    command: str = ""
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Variables in addition to PATH, HOME and a few others. The server's environment, which contains keys, is not passed on."""
    cwd: str | None = None
    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    sse: bool = False
    """Whether the URL uses the older protocol (server-sent events) instead of streamable HTTP."""


class _ServerEntry(msgspec.Struct):
    """A server's entry in the file."""

    command: str = ""
    args: tuple[str, ...] = ()
    env: dict[str, str] = {}
    cwd: str | None = None
    url: str = ""
    headers: dict[str, str] = {}
    type: str = ""
    disabled: bool = False


class _ConfigFile(msgspec.Struct):
    mcpServers: dict[str, Any]


def read(path: Path) -> list[McpServer]:
    """Return the servers in a JSON file. Raises `InvalidParameter`."""
    try:
        return parse(msgspec.json.decode(path.read_bytes()))
    except OSError as error:
        raise _invalid(f"{path} cannot be read: {reason(error)}.") from error
    except msgspec.DecodeError as error:
        raise _invalid(f"{path} is not JSON: {error}.") from error


def parse(config: object) -> list[McpServer]:
    """Return the servers of a configuration, without those that are `disabled`.

    `${NAME}` and `${NAME:-default}` are replaced by environment variables, so that keys need not be in the file.
    Raises `InvalidParameter` with the name of the invalid server.
    """
    try:
        entries = msgspec.convert(config, _ConfigFile).mcpServers
    except msgspec.ValidationError as error:
        raise _invalid(f'it has the form {{"mcpServers": {{"name": {{…}}}}}}: {_problem(error)}.') from error
    servers = [_server(name, value) for name, value in entries.items()]
    return [each for each in servers if each is not None]


def _problem(error: msgspec.ValidationError) -> str:
    problem, _, where = str(error).partition(" - at `$.")
    return f"'{where.rstrip('`').removesuffix('[...]')}': {reworded(problem)}" if where else reworded(problem)


def _server(name: str, value: object) -> McpServer | None:
    try:
        entry = msgspec.convert(value, _ServerEntry)
    except msgspec.ValidationError as error:
        raise _invalid(f"server '{name}': {_problem(error)}.") from error
    if entry.disabled:
        return None
    if entry.type not in KINDS:
        raise _invalid(f"server '{name}': its type must be stdio, http or sse, not '{entry.type}'.")
    if bool(entry.command) == bool(entry.url):
        raise _invalid(f"server '{name}': it needs a command or a url.")
    if (KINDS[entry.type] or "stdio") != "stdio" and entry.command:
        raise _invalid(f"server '{name}': a server of type {entry.type} needs a url.")
    if entry.url and not entry.url.startswith(("http://", "https://", "${")):
        raise _invalid(f"server '{name}': its url is not an http or https address.")
    return McpServer(
        name=name,
        command=_expand_variables(name, entry.command),
        args=tuple(_expand_variables(name, each) for each in entry.args),
        env={key: _expand_variables(name, each) for key, each in entry.env.items()},
        cwd=entry.cwd,
        url=_expand_variables(name, entry.url),
        headers={key: _expand_variables(name, each) for key, each in entry.headers.items()},
        sse=KINDS[entry.type] == "sse",
    )


def _expand_variables(server: str, text: str) -> str:
    def value(match: re.Match[str]) -> str:
        variable = os.environ.get(match[1], match[2])
        if variable is None:
            raise _invalid(f"server '{server}': the variable {match[1]} is not set.")
        return variable

    return VARIABLE.sub(value, text)


def _invalid(problem: str) -> InvalidParameter:
    return InvalidParameter("mcp_servers", problem)
