"""`modelyard doctor`: checks whether a server can run here, and what it would find. Changes nothing."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from modelyard.cli.connection import connect, server_options
from modelyard.cli.output import in_bytes, json_option, print_json
from modelyard.core.errors import ModelyardError
from modelyard.core.wording import reason

if TYPE_CHECKING:
    from modelyard.client import Client
    from modelyard.core.config import Settings

LOW_DISK = 5 * 1024**3
NO_DISK = 200 * 1024**2
PYTHON = (3, 11)
SIGNS = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "blocked": ("✗", "red")}


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report. `state` is `ok`, `warning` or `blocked`; `blocked` means that no server can start."""

    state: str
    subject: str
    detail: str


@click.command(short_help="Check this machine and the server.")
@json_option
@server_options
def command(endpoint: str | None, api_key: str | None, as_json: bool) -> int:
    """Check this machine: hardware, engines, port, folders, database; and the server, if one answers.

    The exit code is 1 if a server could not run.
    """
    findings = list(examine(endpoint, api_key))
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        wide = max(len(finding.subject) for finding in findings)
        for finding in findings:
            sign, colour = SIGNS[finding.state]
            click.echo(f"{click.style(sign, fg=colour)} {finding.subject:<{wide}}  {finding.detail}")
    return int(any(finding.state == "blocked" for finding in findings))


def examine(endpoint: str | None, api_key: str | None) -> Iterator[Finding]:
    """All findings, in the order of the report."""
    from modelyard.cli.serve import settings

    yield from _python()
    yield from _hardware()
    try:
        chosen = settings({})
    except click.UsageError as error:
        yield Finding("blocked", "settings", error.message)
        return
    yield from _engines(chosen.engines_folder)
    yield from _home(chosen.folder)
    yield from _database(chosen)
    yield from _server_or_port(chosen, endpoint, api_key)


def _python() -> Iterator[Finding]:
    good = sys.version_info[:2] >= PYTHON
    detail = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    yield Finding("ok" if good else "blocked", "python", detail if good else f"{detail}; 3.11 or newer is needed")


def _hardware() -> Iterator[Finding]:
    from modelyard.runtime.hardware import inspect

    found = inspect()
    memory = f"{in_bytes(found.cpu.memory_free)} free of {in_bytes(found.cpu.memory_total)}"
    yield Finding("ok", "processor", f"{found.cpu_count} cores, {memory}")
    for gpu in found.gpus:
        free = f"{in_bytes(gpu.memory_free)} free of {in_bytes(gpu.memory_total)}"
        yield Finding("ok", f"GPU {gpu.name}", f"{gpu.title}, {free}")
    if not found.gpus:
        yield Finding("ok", "GPU", "none found; models run on the processor")


def _engines(folder: Path) -> Iterator[Finding]:
    from modelyard.engines import ENGINES
    from modelyard.runtime.environments import Environments

    environments = Environments(folder)
    for name in ENGINES:
        try:
            engine = ENGINES.get(name)
            found = environments.find(name) if engine.environment else None
            absent = () if found else engine.missing()
        except (ModelyardError, ImportError) as error:
            found, absent = None, (str(error),)
        detail = "; ".join(absent) or "can run"
        if found:
            versions = ", ".join(f"{package} {version}" for package, version in found.versions.items())
            detail = f"can run: {versions} in {found.folder}"
        elif absent and (folder / name).exists():
            detail = f"the environment in {folder / name} is damaged: modelyard engine install {name} --upgrade"
        yield Finding("warning" if absent else "ok", f"engine {name}", detail)


def _home(folder: Path) -> Iterator[Finding]:
    there = _nearest(folder)
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        yield Finding("blocked", "home folder", f"{folder} cannot be written; set MODELYARD_HOME to a writable folder")
        return
    yield Finding("ok", "home folder", f"{folder} can be written" if folder.exists() else f"{folder} will be made")
    free = shutil.disk_usage(there).free
    state = "blocked" if free < NO_DISK else "warning" if free < LOW_DISK else "ok"
    yield Finding(state, "disk", f"{in_bytes(free)} free for models and logs")


def _nearest(path: Path) -> Path:
    """The path itself, or its nearest parent that exists."""
    return next(each for each in (path, *path.parents) if each.exists())


def _database(chosen: Settings) -> Iterator[Finding]:
    scheme, _, rest = chosen.database.partition(":///")
    if scheme.startswith("sqlite"):
        yield _sqlite(Path(rest))
        return
    parts = urlsplit(chosen.database)
    where = f"{parts.scheme.partition('+')[0]} at {parts.hostname}:{parts.port or 5432}"
    try:
        socket.create_connection((parts.hostname or "localhost", parts.port or 5432), timeout=3).close()
    except OSError as error:
        yield Finding("blocked", "database", f"{where} does not answer: {reason(error)}")
    else:
        yield Finding("ok", "database", f"{where} answers")


def _sqlite(path: Path) -> Finding:
    if not path.exists():
        return Finding("ok", "database", f"{path} will be made")
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=3)) as connection:
            verdict = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.Error as error:
        return Finding("blocked", "database", f"{path}: {error}")
    if verdict != "ok":
        return Finding("blocked", "database", f"{path} is damaged: {verdict}")
    return Finding("ok", "database", f"{path}, {in_bytes(path.stat().st_size)}")


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
