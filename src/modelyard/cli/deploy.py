"""`modelyard deploy`: a server with one model in one process, like ms-swift's `deploy`."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelyard.cli.output import note
from modelyard.cli.swift_models import passthrough, run_options
from modelyard.compat.swift.flags import parse, truth

if TYPE_CHECKING:
    from modelyard.api.server import ServerReport

OWN = ("host", "port", "api_key", "insecure", "ssl_keyfile", "ssl_certfile", "log_level")


SETTINGS = passthrough(
    "Serve one model, like ms-swift's deploy.",
    "Start a server with one model, at 127.0.0.1:8000, and stop both with Ctrl-C.",
    {
        "host ADDRESS": "beyond this machine only with --api_key or --insecure",
        "port N": "8000; an error if it is in use",
        "api_key KEY": "the key that clients must send",
        "verbose": "log one line per request",
    },
)


@click.command(short_help=SETTINGS["short_help"], help=SETTINGS["help"], context_settings=SETTINGS["context_settings"])
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="--FLAG VALUE…")
def command(words: tuple[str, ...]) -> int:
    flags = parse(words, OWN)
    own = flags.own
    if own.get("ssl_keyfile") or own.get("ssl_certfile"):
        raise click.UsageError("The server does not support TLS; put a proxy such as nginx or Caddy in front of it.")
    from modelyard.core.config import Settings
    from modelyard.infer.child import private_home
    from modelyard.infer.launching import body

    launch = body(run_options(flags, Settings().infer_backend))
    home = private_home()
    try:
        return run(home, own, launch, truth(str(flags.model.get("verbose", "false"))))
    finally:
        shutil.rmtree(home, ignore_errors=True)


def run(home: Path, own: Any, launch: dict[str, Any], verbose: bool) -> int:
    """Serve until Ctrl-C. Returns 1 if the model did not start."""
    from modelyard.api.server import serve
    from modelyard.core.config import Settings

    key = own.get("api_key") or ""
    settings = Settings(
        home=home,
        host=own.get("host", "127.0.0.1"),
        port=int(own.get("port", "8000")),
        database_url="",
        insecure=truth(str(own.get("insecure", "false"))),
        auth="on" if key else "auto",
        access_log=verbose,
        log_level=own.get("log_level", "info"),
    )
    if key:
        keep_key(home, key)
    problems: list[str] = []

    def ready(started: ServerReport) -> None:
        for uid, problem in started.outcomes:
            if problem:
                problems.append(problem)
                note(f"{click.style('Error:', fg='red')} Launching {uid} failed: {problem}")
                os.kill(os.getpid(), signal.SIGTERM)
            else:
                click.echo(f"{uid} is ready at {started.url}/v1; Ctrl-C stops it.")
        sys.stdout.flush()

    code = serve(settings, launches=[launch], on_ready=ready)
    return 1 if problems else code


def keep_key(home: Path, secret: str) -> None:
    """Store the given key in the database, so that the server requires it."""
    import asyncio

    from modelyard.control.keys import KeySpec, KeyStore
    from modelyard.core.config import Settings
    from modelyard.db.session import Database

    async def make() -> None:
        database = Database(Settings(home=home, database_url="").database)
        try:
            await database.open()
            await KeyStore(database).create(KeySpec("deploy", scopes=("models:list", "models:read")), secret=secret)
        finally:
            await database.close()

    asyncio.run(make())
