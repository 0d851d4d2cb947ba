"""Restores a backup into an empty home folder and an empty database, completely or not at all.

A backup is first unpacked into the folder `restoring` of the home folder, then marked as complete, and then moved to its places.
A restore that is killed before the mark leaves an empty home folder. One that is killed after the mark is finished by the next
start of a server or of a restore. PostgreSQL restores its part in one transaction, before anything is moved."""

from __future__ import annotations

import os
import shutil
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from sqlalchemy import make_url

from modelyard.control.backups import (
    DUMP,
    HOME,
    KEPT,
    MANIFEST,
    SQLITE,
    BackupReader,
    BackupSummary,
    read_manifest,
    run_postgres,
)
from modelyard.core.config import Settings
from modelyard.core.errors import CannotStart
from modelyard.core.settings_file import NAME as SETTINGS
from modelyard.core.wording import reason
from modelyard.db.session import Database

STAGING = "restoring"
"""Folder of the home folder with an unpacked backup."""
WHOLE = "whole"
"""File in it that marks the backup as completely unpacked."""


async def restore(
    settings: Settings, source: Path, lock: IO[str], watch: Callable[[BackupSummary], None] = lambda summary: None
) -> BackupSummary:
    """Write a backup into an empty home folder and an empty database. Raises `CannotStart`. `watch` is called while files are
    copied.

    `lock` is the locked file of the home folder; PostgreSQL's program keeps it, so that no server starts before the program ends.
    """
    summary = BackupSummary(read_manifest(source), watch=watch)
    kind = make_url(settings.database).get_backend_name()
    if kind != summary.manifest.database:
        raise CannotStart(
            f"The backup has a database of {summary.manifest.database}, and the settings name one of {kind}; "
            "set MODELYARD_DATABASE_URL for the same kind."
        )
    if await finish_restore(settings):
        raise CannotStart(
            f"An earlier restore into '{settings.folder}' was interrupted, and is finished now; start the server."
        )
    await _check_empty(settings)
    try:
        with _staged(settings.folder / STAGING) as staging:
            _unpack(source, staging, summary)
            if not (staging / (SQLITE if kind == "sqlite" else DUMP)).exists():
                raise CannotStart(f"'{source}' is not whole: its database is missing.")
            (staging / WHOLE).touch()
            if kind != "sqlite":
                _restore_postgres(settings.database, staging, lock)
        await finish_restore(settings)
    except (OSError, tarfile.TarError, EOFError) as error:
        raise CannotStart(f"The backup '{source}' cannot be restored: {reason(error)}.") from None
    return summary


@contextmanager
def _staged(staging: Path) -> Iterator[Path]:
    """The folder for an unpacked backup, which is removed if the block fails."""
    staging.mkdir(mode=0o700)
    succeeded = False
    try:
        yield staging
        succeeded = True
    finally:
        if not succeeded:
            shutil.rmtree(staging, ignore_errors=True)


async def finish_restore(settings: Settings) -> bool:
    """Finish an interrupted restore, or remove what it left if its backup was not yet whole. Returns whether it finished one.

    Call it with the home folder locked.
    """
    staging = settings.folder / STAGING
    if not staging.is_dir():
        return False
    sqlite = make_url(settings.database).get_backend_name() == "sqlite"
    whole = (staging / WHOLE).exists() and (sqlite or await _has_tables(settings.database))
    if whole:
        for path in sorted((staging / HOME).glob("*")):
            path.replace(settings.folder / path.name)
        if sqlite and (copy := staging / SQLITE).exists():
            _move(copy, Path(str(make_url(settings.database).database)))
        (staging / WHOLE).unlink()
    shutil.rmtree(staging)
    return whole


def _move(copy: Path, target: Path) -> None:
    """Move a database to its place, which may be in another file system, so that it is there as a whole or not at all."""
    for ending in ("-wal", "-shm", "-journal"):  # of a database that was there before
        target.with_name(target.name + ending).unlink(missing_ok=True)
    if copy.stat().st_dev == target.parent.stat().st_dev:
        copy.replace(target)
        return
    partial = target.with_name(f"{target.name}.partial")
    shutil.copyfile(copy, partial, follow_symlinks=False)
    partial.replace(target)


def _restore_postgres(url: str, staging: Path, lock: IO[str]) -> None:
    """Restore a dump in one transaction, without extensions, which not every user may create; a server makes what it needs."""
    parts = run_postgres("pg_restore", None, "--list", str(staging / DUMP))
    chosen = staging / "parts"
    chosen.write_text(
        "".join(f"{line}\n" for line in parts.splitlines() if " EXTENSION " not in line), encoding="utf-8"
    )
    options = ("--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges", f"--use-list={chosen}")
    run_postgres("pg_restore", url, *options, str(staging / DUMP), keep_open=(lock.fileno(),))


async def _has_tables(url: str) -> bool:
    database = Database(url)
    try:
        return bool(await database.tables())
    finally:
        await database.close()


async def _check_empty(settings: Settings) -> None:
    there = [name for name in (*KEPT, "modelyard.db") if (settings.folder / name).exists()]
    if there:
        raise CannotStart(
            f"The home folder '{settings.folder}' is not empty (it has {', '.join(there)}); name another with --home, or move it."
        )
    if make_url(settings.database).get_backend_name() == "sqlite":
        if Path(str(make_url(settings.database).database)).exists():
            raise CannotStart("The database of the settings exists; a backup is restored into a new one.")
        return
    if await _has_tables(settings.database):
        raise CannotStart("The database of the settings is not empty; a backup is restored into a new one.")


def _unpack(source: Path, staging: Path, summary: BackupSummary) -> None:
    """Write all members of a backup below a folder. Raises `CannotStart`, `OSError` or `TarError`."""
    with tarfile.open(source) as archive:
        for member in archive:
            _extract(archive, member, staging, summary)


def _extract(archive: tarfile.TarFile, member: tarfile.TarInfo, staging: Path, summary: BackupSummary) -> None:
    """Write one member of a backup. Raises `CannotStart` for names that no backup has."""
    if member.name == MANIFEST:
        return
    database = member.name in (SQLITE, DUMP)
    if member.islnk() and _is_in_home(member.name) and _is_in_home(member.linkname):  # one content of several models
        _make_folder(staging / member.name)
        os.link(staging / member.linkname, staging / member.name)
        summary.files += 1
        return
    data = archive.extractfile(member) if member.isreg() and (database or _is_in_home(member.name)) else None
    if data is None:
        raise CannotStart(f"The backup holds '{member.name}', which is none of its files.")
    target = staging / member.name
    _make_folder(target)
    with data, open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        shutil.copyfileobj(BackupReader(data, summary), file, 1024 * 1024)
    if not database:
        os.utime(target, (member.mtime, member.mtime))
        summary.files += 1


def _is_in_home(name: str) -> bool:
    """Whether a member of a backup is a file of the home folder that backups have."""
    parts = PurePosixPath(name).parts
    return parts[0] == HOME and ".." not in parts and len(parts) > 1 and (parts[1] in KEPT or parts[1:] == (SETTINGS,))


def _make_folder(target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
