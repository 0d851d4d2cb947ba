"""The command `modelyard`: the list of commands, and errors as one line.

A command is one file: `modelyard.cli.<name>`, with `_` for `-`, and its click command in `command`. It is imported when it
is called, and imports large libraries only when it needs them, so that a call costs Python's start and one request.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from typing import cast

import click

from modelyard import __version__
from modelyard.cli import language
from modelyard.cli.exit_codes import FAILED, INTERRUPTED
from modelyard.cli.other_names import ALIASES, EPILOG, SENTENCES
from modelyard.core.errors import ModelyardError
from modelyard.core.nearest import nearest
from modelyard.core.wording import reason

COMMANDS = (
    "serve",
    "launch",
    "run",
    "list",
    "show",
    "catalog",
    "search-hub",
    "registrations",
    "register",
    "unregister",
    "cp",
    "engine",
    "cal-model-mem",
    "pull",
    "cached",
    "remove-cache",
    "vllm-models",
    "chat",
    "generate",
    "connect",
    "deploy",
    "infer",
    "export",
    "app-ui",
    "sft",
    "logs",
    "events",
    "scale",
    "terminate",
    "adapter",
    "kb",
    "chats",
    "jobs",
    "files",
    "batch",
    "requests",
    "usage",
    "audit",
    "stop-cluster",
    "key",
    "user",
    "login",
    "logout",
    "bench",
    "backup",
    "restore",
    "config",
    "doctor",
    "completion",
    "man",
    "version",
)


class Commands(click.Group):
    """The commands of `COMMANDS`, each imported on first use."""

    translate: Callable[[click.Command], click.Command] | None = None
    """Makes the translated copy of a command; None for English."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        name = ALIASES.get(cmd_name, cmd_name)
        if name not in COMMANDS:
            return None
        found = cast(click.Command, importlib.import_module(f"modelyard.cli.{name.replace('-', '_')}").command)
        return self.translate(found) if self.translate else found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if ctx.resilient_parsing:  # a shell completes a line that is not finished
            return super().resolve_command(ctx, args)
        if name in SENTENCES:
            raise click.UsageError(f"There is no command '{name}' here: {SENTENCES[name]}.", ctx)
        if name not in COMMANDS and name not in ALIASES and not name.startswith("-"):
            hint = f" Did you mean '{near}'?" if (near := nearest(name, COMMANDS)) else ""
            raise click.UsageError(f"There is no command '{name}'.{hint}", ctx)
        return super().resolve_command(ctx, args)


@click.group(cls=Commands, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="modelyard", message="%(prog)s %(version)s")
def cli() -> None:
    """Launch, serve and tune models of every kind, and use them through one OpenAI-compatible API.

    `modelyard serve` starts the server; every other command uses one: at --endpoint, else at MODELYARD_ENDPOINT, else
    at http://127.0.0.1:9997.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its exit code."""
    atexit.register(gc.freeze)  # Python frees a server's objects one by one in half a second, the system all at once
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        code = run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        code = FAILED
        _drop_output()
    except OSError as error:
        click.echo(f"Error: The output cannot be written: {reason(error)}.", err=True)
        code = FAILED
        _drop_output()
    sys.exit(code)


def _drop_output() -> None:
    """Discard unread output; otherwise Python reports a broken pipe again when it flushes at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line. Returns the exit code: 0, 1 for failure, 2 for wrong usage, 130 for Ctrl-C."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    if not language.is_chinese(os.environ, words):
        return _run(cli, words)
    from modelyard.cli.chinese import chinese, translated

    with chinese():
        top = translated(cli)
        top.translate = translated
        return _run(top, words)


def _run(top: click.Group, words: list[str]) -> int:
    colour = False if os.environ.get("NO_COLOR") else None
    try:
        code = top.main(words, prog_name="modelyard", standalone_mode=False, color=colour)
    except click.ClickException as error:
        error.message = language.translate(error.message)  # type: ignore[misc]  # click itself reads it only now
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except ModelyardError as error:
        return _fail(error.message, colour)
    except BrokenPipeError:
        raise
    except OSError as error:
        place = f"'{error.filename}': " if error.filename else ""
        return _fail(f"{place}{reason(error)}.", colour)
    return code if isinstance(code, int) else 0


def _fail(sentence: str, colour: bool | None) -> int:
    from modelyard.cli.output import complain

    complain(sentence, colour)
    return FAILED
