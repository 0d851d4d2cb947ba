"""`modelyard restore`: a backup into a new home folder."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from modelyard.cli.environments import home_option
from modelyard.cli.output import ProgressLines, in_bytes, json_option, note, print_json

if TYPE_CHECKING:
    from modelyard.control.backups import BackupSummary


@click.command(short_help="Restore a server's data from a backup.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@home_option
@json_option
def command(file: Path, home: Path | None, as_json: bool) -> None:
    """Restore what `modelyard backup` saved into an empty home folder, and an empty database. No server may use it.

    A server that is started then has the models, knowledge bases, chats, files, keys and users of the backup.
    """
    from modelyard.api.app import take_home
    from modelyard.cli.serve import settings
    from modelyard.control.backups import read_manifest
    from modelyard.control.restores import restore
    from modelyard.core.private import private_files

    read_manifest(file)
    chosen = settings({"home": home})
    with private_files(), take_home(chosen.folder) as lock:
        summary = asyncio.run(restore(chosen, file, lock, partial(_show, ProgressLines())))
    manifest = summary.manifest
    if as_json:
        print_json(
            {"home": str(chosen.folder), "files": summary.files, "bytes": summary.bytes, "from": manifest.modelyard}
        )
        return
    click.echo(f"{chosen.folder}: the database and {summary.files} files, {in_bytes(summary.bytes)}")
    if manifest.settings:
        set_before = ", ".join(f"{name}={value}" for name, value in manifest.settings.items())
        note(f"The server had these settings: {set_before}")
    if manifest.secrets:
        note(f"Set these again, which are secrets: {', '.join(manifest.secrets)}.")


def _show(lines: ProgressLines, summary: BackupSummary) -> None:
    """Print how much is restored, if it is time for a line."""
    lines.offer(lambda: f"Restoring: {summary.files} files, {in_bytes(summary.bytes)}")
