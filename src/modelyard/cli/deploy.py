"""`modelyard deploy`: a server with one model in one process, like ms-swift's `deploy`."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelyard.cli.output import complain, print_sentence
from modelyard.cli.swift_models import passthrough, run_options
from modelyard.cli.web_page import page_address
from modelyard.compat.swift.flags import Flags, parse, truth

if TYPE_CHECKING:
    from modelyard.api.server import ServerReport
    from modelyard.core.config import Settings

Announce = Callable[[str, str], None]
"""Tells people the server's address and the model's uid, once it is ready."""

OWN = ("host", "port", "api_key", "insecure", "ssl_keyfile", "ssl_certfile", "log_level")


SETTINGS = passthrough(
    "Serve one model, like ms-swift's deploy.",
    "Start a server with one model, at 127.0.0.1:8000, and stop both with Ctrl-C.",
    {
        "host ADDRESS": "beyond this machine only with --api_key or --insecure",
        "port N": "8000; an error if it is in use",
        "api_key KEY": "the key that clients must send",
        "ssl_certfile FILE": "the server's certificate, as PEM: it speaks TLS",
        "ssl_keyfile FILE": "the certificate's key, as PEM",
        "verbose": "log one line per request",
    },
)


@click.command(short_help=SETTINGS["short_help"], help=SETTINGS["help"], context_settings=SETTINGS["context_settings"])
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="--FLAG VALUE…")
def command(words: tuple[str, ...]) -> int:
    return serve_one(parse(words, OWN), 8000, _announce)


def _announce(url: str, uid: str) -> None:
    print_sentence(f"{uid} is ready at {url}/v1; Ctrl-C stops it.")
    print_sentence(f"Chat with it in a browser: {page_address(url, uid)}")


def serve_one(flags: Flags, port: int, announce: Announce) -> int:
    """Serve the model of a command line until Ctrl-C; `port` is for lines that name none. Returns 1 if it did not start."""
    own = flags.own
    from modelyard.core.config import Settings
    from modelyard.infer.child import private_home
    from modelyard.infer.launch_request import body

    launch = body(run_options(flags, Settings().infer_backend))
    home = private_home()
    verbose = truth(str(flags.model.get("verbose", "false")))
    try:
        return _run(_settings(home, own, port, verbose), own.get("api_key"), launch, announce)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _settings(home: Path, own: Mapping[str, Any], port: int, verbose: bool) -> Settings:
    from modelyard.core.config import Settings

    return Settings(
        home=home,
        host=own.get("host", "127.0.0.1"),
        port=int(own.get("port", port)),
        database_url="",
        insecure=truth(str(own.get("insecure", "false"))),
        auth="on" if own.get("api_key") else "auto",
        access_log=verbose,
        log_level=own.get("log_level", "info"),
        **{name: own[name] for name in ("ssl_certfile", "ssl_keyfile") if own.get(name)},
    )


def _run(settings: Settings, key: str | None, launch: dict[str, Any], announce: Announce) -> int:
    from modelyard.api.server import serve

    if key:
        keep_key(settings.folder, key)
    problems: list[str] = []

    def ready(started: ServerReport) -> None:
        for uid, problem in started.outcomes:
            if problem:
                problems.append(problem)
                complain(f"Launching {uid} failed: {problem}")
                os.kill(os.getpid(), signal.SIGTERM)
            else:
                announce(started.url, uid)
        sys.stdout.flush()

    code = serve(settings, launches=[launch], on_ready=ready)
    return 1 if problems else code


def keep_key(home: Path, secret: str) -> None:
    """Store the given key in the database, so that the server requires it."""
    import asyncio

    from modelyard.control.key_specs import KeySpec
    from modelyard.control.keys import KeyStore
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
