"""`modelyard backup`: a server's database, documents, files and registrations in one file, while it runs."""

from __future__ import annotations

from pathlib import Path

import click

from modelyard.cli.environments import home_option
from modelyard.cli.output import ProgressLines, in_bytes, json_option, note, print_json


@click.command(short_help="Save a server's data in one file.")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@home_option
@json_option
def command(file: Path, home: Path | None, as_json: bool) -> None:
    """Save a server's data in FILE (.tar, or .tar.gz), also while it runs: database, documents, stored files, registrations,
    settings without secrets. Run it on the server's machine, with the server's settings.

    Not saved: weights of hubs, engine environments, logs, and indexes, which are made anew.
    """
    from modelyard.cli.serve import settings
    from modelyard.control.backups import back_up

    chosen = settings({"home": home})
    lines = ProgressLines()
    summary = back_up(
        chosen, file, lambda now: lines.offer(lambda: f"Saving: {now.files} files, {in_bytes(now.bytes)}")
    )
    if as_json:
        print_json({"file": str(file), "files": summary.files, "bytes": file.stat().st_size})
        return
    click.echo(f"{file}: the database and {summary.files} files, {in_bytes(file.stat().st_size)}")
    if chosen.files_url:
        note("The files that callers store are elsewhere (MODELYARD_FILES_URL), and not in the backup.")
    if summary.manifest.secrets:
        note(f"Secrets are not in the backup: {', '.join(summary.manifest.secrets)}.")
