"""`modelyard batch`: has the requests of a file answered by the server, and lists, shows, follows and cancels batches."""

from __future__ import annotations

import json
import re
import sys
import time
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from modelyard.cli.connection import with_client
from modelyard.cli.exit_codes import INTERRUPTED
from modelyard.cli.jobs import events_of
from modelyard.cli.output import agrees, counting, json_option, note, print_json, print_list, print_table, printable
from modelyard.cli.output_files import replacing
from modelyard.core.errors import BadRequest, ServerUnreachable
from modelyard.core.wording import clean

if TYPE_CHECKING:
    from collections.abc import Generator

    from modelyard.client import Client
    from modelyard.client.batch_types import BatchDict

TITLES = ("ID", "STATUS", "DONE", "FAILED", "ENDPOINT", "MODEL", "CREATED")
ENDED = ("completed", "failed", "expired", "cancelled")
FILE_ID = re.compile(r"file-[0-9a-f]{27}")
CHAT = "/v1/chat/completions"
SHOWN = 10
"""Wrong lines that are printed."""


class BatchVerbs(click.Group):
    """A group with a default subcommand: `batch FILE` is `batch run FILE`."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        if not args or args[0] in self.commands or args[0] in ("-h", "--help"):
            return super().make_context(info_name, args, parent, **extra)
        return run.make_context(info_name, args, parent, **extra)


@click.group(cls=BatchVerbs, short_help="Have the requests of a file answered.")
def command() -> None:
    """Have the requests of a file answered by the server: `modelyard batch FILE`. List, show, follow and cancel batches.

    Each line of the file is a JSON object as OpenAI's batches have it: `custom_id`, `method`, `url` and `body`.
    """


@command.command("run", short_help="Have the requests of a file answered.")
@click.argument("file", metavar="FILE")
@click.option("-o", "--output", metavar="FILE", help="Where the answers go; else beside the file.")
@click.option("--path", metavar="PATH", help="The path of all requests; else that of the first line.")
@click.option("--window", default="24h", show_default=True, metavar="TIME", help="When it ends in any case, up to 30d.")
@click.option("--detach", is_flag=True, help="Print the id of the batch, and do not wait for it.")
@json_option
@with_client
def run(
    client: Client, file: str, output: str | None, path: str | None, window: str, detach: bool, as_json: bool
) -> int:
    """Have the requests of FILE answered, and write the answers beside it: FILE.output.jsonl, and FILE.errors.jsonl.

    FILE may also be the id of a file on the server. The exit code is 0 if every request was answered without an error.
    Ctrl-C cancels the batch and writes what was answered; at a terminal, it is asked whether to leave it running instead.
    """
    stored = bool(FILE_ID.fullmatch(file)) and not Path(file).exists()
    target = output or f"{file.removesuffix('.jsonl')}.output.jsonl"
    if not detach:
        _check_target(target, output is not None)
    file_id = file if stored else _upload(client, file)
    endpoint = path or (_path_in(_first_stored_line(client, file)) if stored else _path_in(_first_line(file)))
    batch = client.batches.create(file_id, endpoint, window)
    if detach:
        if as_json:
            print_json(batch)
        else:
            click.echo(batch["id"])
            note(f"`modelyard batch follow {batch['id']}` waits for it.")
        return 0
    return _wait_and_write(client, batch, target, as_json)


@command.command("list", short_help="List batches.")
@click.option("--limit", type=click.IntRange(1, 100), default=20, show_default=True, help="Maximum number of batches.")
@click.option("--after", metavar="ID", help="Only batches that are older than this one.")
@json_option
@with_client
def list_batches(client: Client, limit: int, after: str | None, as_json: bool) -> None:
    """List your batches, newest first; with an administrator's key, all batches."""
    page = client.batches.list(after, limit)
    print_list(page["data"], TITLES, _row, "There are no batches.", as_json)
    if page["has_more"] and not as_json:
        note(f"There are more. `modelyard batch list --after {page['last_id']}` goes on.")


@command.command("show", short_help="Show a batch.")
@click.argument("batch_id", metavar="ID")
@json_option
@with_client
def show(client: Client, batch_id: str, as_json: bool) -> None:
    """Show a batch, with the ids of its files and what is wrong with its input."""
    _print(client.batches.get(clean(batch_id)), as_json)


@command.command("cancel", short_help="Cancel a batch.")
@click.argument("batch_id", metavar="ID")
@json_option
@with_client
def cancel(client: Client, batch_id: str, as_json: bool) -> None:
    """Cancel a batch. Its files, which are made then, have what was answered."""
    _print(client.batches.cancel(clean(batch_id)), as_json)


@command.command("follow", short_help="Wait for a batch and write its answers.")
@click.argument("batch_id", metavar="ID")
@click.option("-o", "--output", metavar="FILE", help="Where the answers go; else ID.output.jsonl in this folder.")
@json_option
@with_client
def follow(client: Client, batch_id: str, output: str | None, as_json: bool) -> int:
    """Wait for a batch that was created before, and write its answers. Ctrl-C is that of `modelyard batch FILE`."""
    batch = client.batches.get(clean(batch_id))
    target = output or f"{batch['id']}.output.jsonl"
    _check_target(target, output is not None)
    return _wait_and_write(client, batch, target, as_json)


def _wait_and_write(client: Client, batch: BatchDict, target: str, as_json: bool) -> int:
    """Follow a batch to its end, write its files, and print how it ended; returns the exit code."""
    name, interrupted = batch["id"], False
    try:
        note(f"{name} is under way; Ctrl-C cancels it.")
        _follow(client, batch)
    except KeyboardInterrupt:
        if not _cancelled(client, name):
            return INTERRUPTED
        interrupted = True
        note("Cancelling; what was answered is written.")
        _follow(client, batch)
    except ServerUnreachable:
        note(f"The batch goes on when its server does. `modelyard batch follow {name}` waits for it.")
        raise
    batch = client.batches.get(name)
    for file_id, path in ((batch["output_file_id"], target), (batch["error_file_id"], _errors_beside(target))):
        if file_id:
            _write(client, file_id, path)
            note(f"{printable(path)} written")
    _print(batch, as_json)
    if interrupted:
        return INTERRUPTED
    return int(batch["status"] != "completed" or batch["request_counts"]["failed"] > 0)


def _follow(client: Client, batch: BatchDict) -> None:
    """Show the progress of a batch until it has ended, also over a restart of the server."""
    done, stack = 0, ExitStack()
    with stack:
        count = None
        for event in events_of(client, batch["id"]):
            data = event["data"]
            if event["type"] != "progress" or not data["total"]:
                continue
            if count is None:
                count = stack.enter_context(counting("requests", data["total"]))
            count(data["done"] - done)
            done = data["done"]


def _cancelled(client: Client, name: str) -> bool:
    """Cancel a batch after Ctrl-C; False if it is to go on."""
    if sys.stdin.isatty() and not agrees("Cancel the batch? Otherwise it goes on without this command."):
        note(f"The batch goes on. `modelyard batch follow {name}` waits for it.")
        return False
    client.batches.cancel(name)
    return True


def _upload(client: Client, file: str) -> str:
    size = Path(file).stat().st_size if Path(file).is_file() else 0
    with counting(printable(clean(Path(file).name)), size, "bytes") as progress:
        return client.files.upload(file, "batch", None, progress)["id"]


def _first_line(file: str) -> bytes:
    """The first line with anything in it."""
    with Path(file).open("rb") as lines:
        return next((line for line in lines if line.strip()), b"")


def _first_stored_line(client: Client, file_id: str) -> bytes:
    """The first line of a file on the server."""
    found = b""
    with closing(cast("Generator[bytes]", client.files.stream_content(file_id))) as parts:
        for part in parts:
            found += part
            if b"\n" in found.lstrip():
                break
    return found.lstrip().split(b"\n")[0]


def _path_in(line: bytes) -> str:
    """The path that a line names; if it is wrong, the server says how."""
    try:
        url = json.loads(line)["url"]
    except (ValueError, KeyError, TypeError):
        return CHAT
    return url if isinstance(url, str) and url else CHAT


def _errors_beside(target: str) -> str:
    """The path of the errors, beside that of the answers."""
    begin = target.removesuffix(".jsonl").removesuffix(".output")
    return f"{begin}.errors.jsonl"


def _check_target(target: str, named: bool) -> None:
    """Raise `BadRequest` for a path of answers that cannot be written, before anything is sent."""
    path = Path(target)
    if not named and path.exists():
        raise BadRequest(f"'{printable(target)}' is here already; name another file by -o FILE.")
    if not path.parent.is_dir():
        raise BadRequest(
            f"'{printable(target)}' cannot be written: there is no folder '{printable(str(path.parent))}'."
        )


def _write(client: Client, file_id: str, target: str) -> None:
    """Download a file; it is there whole or not at all."""
    with replacing(Path(target)) as file:
        for part in client.files.stream_content(file_id):
            file.write(part)


def _print(batch: BatchDict, as_json: bool) -> None:
    if as_json:
        print_json(batch)
        return
    print_table(TITLES, [_row(batch)])
    problems = batch["errors"]["data"] if batch["errors"] else []
    for each in problems[:SHOWN]:
        where = "" if each["line"] is None else f"line {each['line']}: "
        note(printable(where + each["message"]), fg="red")
    if len(problems) > SHOWN:
        note(f"… {len(problems) - SHOWN} more; --json prints them.")
    for title, file_id in (("answers", batch["output_file_id"]), ("errors", batch["error_file_id"])):
        if file_id:
            note(f"{title}: `modelyard files download {file_id}`")


def _row(batch: BatchDict) -> list[str]:
    counts = batch["request_counts"]
    created = time.strftime("%Y-%m-%d %H:%M", time.localtime(batch["created_at"]))
    done = f"{counts['completed']}/{counts['total']}"
    status, failed, model = batch["status"], str(counts["failed"]), batch["model"] or "-"
    return [batch["id"], status, done, failed, batch["endpoint"], model, created]
