"""`modelyard files`: lists, uploads, downloads and deletes files that are stored on the server."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from modelyard.cli.connection import with_client
from modelyard.cli.durations import Duration
from modelyard.cli.groups import SubcommandGroup
from modelyard.cli.output import (
    counting,
    in_bytes,
    json_option,
    note,
    print_json,
    print_sentence,
    print_table,
    printable,
)
from modelyard.cli.output_files import replacing
from modelyard.core.errors import BadRequest
from modelyard.core.wording import clean

if TYPE_CHECKING:
    from modelyard.client import Client
    from modelyard.client.file_types import FileDict

TITLES = ("ID", "NAME", "PURPOSE", "SIZE", "CREATED", "EXPIRES")
PURPOSES = ("assistants", "batch", "fine-tune", "vision", "user_data", "evals")


@click.group(cls=SubcommandGroup, short_help="Upload, list, download and delete files on the server.")
def command() -> None:
    """Upload, list, download and delete files that are stored on the server: input of batches and training, and their output."""


@command.command("list", short_help="List files.")
@click.option("--purpose", metavar="PURPOSE", help="Only files for this purpose, such as batch or batch_output.")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="Maximum number of files."
)
@click.option("--after", metavar="ID", help="Only files that are older than this one.")
@json_option
@with_client
def list_files(client: Client, purpose: str | None, limit: int, after: str | None, as_json: bool) -> None:
    """List your files, newest first; with an administrator's key, all files."""
    page = client.files.list(after, limit, purpose=purpose)
    if as_json:
        print_json(page["data"])
        return
    if not page["data"]:
        note("There are no files.")
        return
    print_table(TITLES, [_row(file) for file in page["data"]])
    if page["has_more"]:
        note(f"There are more. `modelyard files list --after {page['last_id']}` goes on.")


@command.command("upload", short_help="Upload files.")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@click.option("--purpose", type=click.Choice(PURPOSES), default="user_data", show_default=True, help="What it is for.")
@click.option(
    "--expires-in", type=Duration(), metavar="TIME", help="Such as 12h or 30d, the limit; else the purpose's."
)
@json_option
@with_client
def upload(client: Client, paths: tuple[str, ...], purpose: str, expires_in: float | None, as_json: bool) -> None:
    """Upload files and print their ids. They are sent while they are read, whatever their size."""
    found = []
    for path in paths:
        with counting(printable(clean(Path(path).name)), _size(path), "bytes") as progress:
            lifetime = None if expires_in is None else int(expires_in)
            file = client.files.upload(path, purpose, lifetime, progress)
        found.append(file)
        if not as_json:
            click.echo(f"{file['id']}  {printable(file['filename'])}")
    if as_json:
        print_json(found)


@command.command("show", short_help="Show a file.")
@click.argument("file_id", metavar="ID")
@json_option
@with_client
def show(client: Client, file_id: str, as_json: bool) -> None:
    """Show what is known about a file, with its SHA-256."""
    file = client.files.get(clean(file_id))
    if as_json:
        print_json(file)
    else:
        print_table(TITLES, [_row(file)])
        click.echo(f"SHA-256 {file['sha256']}")


@command.command("download", short_help="Download a file.")
@click.argument("file_id", metavar="ID")
@click.option("-o", "--output", metavar="FILE", help="The file to write; - is stdout. Else the name of the file.")
@with_client
def download(client: Client, file_id: str, output: str | None) -> None:
    """Download a file. An existing file is not overwritten unless -o names it."""
    file = client.files.get(clean(file_id))
    if output == "-":
        for part in client.files.stream_content(file["id"]):
            sys.stdout.buffer.write(part)
        sys.stdout.buffer.flush()
        return
    path = Path(output) if output else _free_path(file)
    with replacing(path) as target, counting(printable(path.name), file["bytes"], "bytes") as progress:
        for part in client.files.stream_content(file["id"]):
            target.write(part)
            progress(len(part))
    click.echo(printable(str(path)))


@command.command("rm", short_help="Delete files.")
@click.argument("file_ids", metavar="ID...", nargs=-1, required=True)
@json_option
@with_client
def remove(client: Client, file_ids: tuple[str, ...], as_json: bool) -> None:
    """Delete files."""
    for file_id in file_ids:
        client.files.delete(clean(file_id))
        if not as_json:
            print_sentence(f"{file_id} deleted")
    if as_json:
        print_json({"deleted": list(file_ids)})


def _free_path(file: FileDict) -> Path:
    """The path of a file's own name in this folder, which must be free."""
    path = Path(file["filename"].replace("\\", "/").rsplit("/", 1)[-1])
    if path.name in ("", ".", "..") or path.exists():
        raise BadRequest(f"'{path}' is here already; name another file by -o FILE.")
    return path


def _size(path: str) -> int:
    """The size of a file; 0 if there is none, which the upload reports."""
    try:
        return Path(path).stat().st_size
    except OSError:
        return 0


def _row(file: FileDict) -> list[str]:
    expires = "never" if file["expires_at"] is None else _time(file["expires_at"])
    return [file["id"], file["filename"], file["purpose"], in_bytes(file["bytes"]), _time(file["created_at"]), expires]


def _time(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))
