"""Backups of a server in one file: the database, documents, stored files, registrations, and settings without secrets.

A backup is a tar file: `manifest.json`, then `home/…`, and `database.sqlite` or `database.dump`. It is written while the server
runs. SQLite's backup function or pg_dump copies the database as of one moment; files are copied before and after it, so that the
files of every row are included. Indexes of knowledge bases are left out, because a server rebuilds them from the rows."""

from __future__ import annotations

import asyncio
import fcntl
import io
import os
import re
import shutil
import sqlite3
import subprocess
import tarfile
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

import msgspec
from sqlalchemy import make_url

from modelyard import __version__
from modelyard.control.setting_origins import HIDDEN, SettingOrigin, setting_origins
from modelyard.core.config import Settings
from modelyard.core.errors import CannotStart
from modelyard.core.settings_file import NAME as SETTINGS
from modelyard.core.wording import reason
from modelyard.db.session import Database
from modelyard.db.versions import refuse_newer

FORMAT = 1
MANIFEST, HOME, SQLITE, DUMP = "manifest.json", "home", "database.sqlite", "database.dump"
KEPT = ("batches", "blobs", "created", "files", "generations", "knowledge", "registrations")
"""Folders of the home folder that a backup contains."""
LEFT_OUT = frozenset({"knowledge/indexes", "knowledge/pages", "files/arriving"})
"""Subfolders that a backup leaves out, because a server rebuilds them."""


class BackupManifest(msgspec.Struct, kw_only=True):
    """The description of a backup, its first file."""

    format: int
    modelyard: str
    """Version of Modelyard that wrote the backup."""
    schema_version: str
    """The newest migration of its database."""
    database: str
    """`sqlite` or `postgresql`."""
    created_at: float
    """Unix time."""
    settings: dict[str, Any]
    """Settings that were set by a variable or the settings file, without secrets."""
    secrets: list[str]
    """Names of secret settings that were set; their values are not in the backup."""


@dataclass(slots=True)
class BackupSummary:
    """Numbers of what was written or restored."""

    manifest: BackupManifest
    files: int = 0
    bytes: int = 0
    written: set[str] = field(default_factory=set)
    watch: Callable[[BackupSummary], None] = lambda summary: None
    """Called whenever bytes were copied."""

    def count(self, size: int) -> None:
        """Add copied bytes."""
        self.bytes += size
        self.watch(self)


@dataclass(frozen=True, slots=True)
class BackupReader:
    """A file that is read into or out of a backup."""

    file: IO[bytes]
    summary: BackupSummary

    def read(self, size: int = -1) -> bytes:
        """The next bytes, which are counted."""
        data = self.file.read(size)
        self.summary.count(len(data))
        return data


def back_up(
    settings: Settings, target: Path, watch: Callable[[BackupSummary], None] = lambda summary: None
) -> BackupSummary:
    """Write a backup. An existing file is replaced when the new one is whole. Raises `CannotStart` or errors of the database.

    `watch` is called while files are copied.
    """
    if not settings.folder.is_dir():
        raise CannotStart(f"There is no home folder '{settings.folder}'; name it with --home.")
    if target.exists() and not target.is_file():
        raise CannotStart(
            f"The backup '{target}' cannot be written: it is no file; name a file that is new or may be replaced."
        )
    target = target.resolve()
    kind = make_url(settings.database).get_backend_name()
    summary = BackupSummary(_manifest(kind, asyncio.run(schema_version(settings))), watch=watch)
    try:
        with _whole_file(target) as raw, tarfile.open(fileobj=raw, mode=_mode(target)) as archive:
            _add_text(archive, MANIFEST, msgspec.json.encode(summary.manifest))
            _add_files(archive, settings.folder, summary)
            copy = target.with_name(f"{target.name}.partial-database")
            _remove_database(copy)  # what a backup that was killed has left
            try:
                _copy_sqlite(settings.database, copy) if kind == "sqlite" else _dump(settings.database, copy)
                archive.add(copy, SQLITE if kind == "sqlite" else DUMP)
                summary.count(copy.stat().st_size)
            finally:
                _remove_database(copy)
            _add_files(archive, settings.folder, summary)
            _add_settings(archive, settings.folder)
    except OSError as error:
        raise CannotStart(f"The backup '{target}' cannot be written: {reason(error)}.") from None
    return summary


@contextmanager
def _whole_file(target: Path) -> Iterator[IO[bytes]]:
    """A new file that replaces `target` at the end of the block; until then it is `TARGET.partial`, which a kill leaves behind.

    Raises `CannotStart` while another backup is writing the same file.
    """
    partial = target.with_name(f"{target.name}.partial")
    with open(os.open(partial, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not os.path.samestat(os.fstat(file.fileno()), os.stat(partial)):  # the other has just ended
                raise BlockingIOError
        except (BlockingIOError, FileNotFoundError):
            raise CannotStart(
                f"Another backup is writing '{target}'; wait for its end, or name another file."
            ) from None
        file.truncate()
        try:
            yield file
            file.flush()
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)


def _remove_database(copy: Path) -> None:
    for path in (copy, copy.with_name(f"{copy.name}-journal")):
        path.unlink(missing_ok=True)


def read_manifest(source: Path) -> BackupManifest:
    """The description of a backup. Raises `CannotStart` for a file that is not a backup, or was written by a newer version."""
    try:
        with tarfile.open(source) as archive:
            first = archive.next()
            data = archive.extractfile(first) if first is not None and first.name == MANIFEST else None
            manifest = msgspec.json.decode(data.read() if data else b"", type=BackupManifest)
    except (OSError, tarfile.TarError, msgspec.DecodeError, EOFError) as error:
        why = f": {reason(error)}" if isinstance(error, OSError) else ""
        raise CannotStart(f"'{source}' is no whole backup of Modelyard{why}.") from None
    if manifest.format > FORMAT:
        raise CannotStart(
            f"'{source}' was made by Modelyard {manifest.modelyard}; restore it with that version or a newer one."
        )
    refuse_newer(manifest.schema_version, manifest.modelyard, str(source))
    return manifest


async def schema_version(settings: Settings) -> str:
    """The newest migration of the settings' database, which must exist. Raises `CannotStart` or `DatabaseUnavailable`."""
    path = make_url(settings.database).database
    if make_url(settings.database).get_backend_name() == "sqlite" and not Path(str(path)).is_file():
        raise CannotStart(f"There is no database '{path}'; `--home` names the home folder of a server.")
    database = Database(settings.database)
    try:
        version = await database.version()
    finally:
        await database.close()
    if version is None:
        raise CannotStart("The database is empty; start the server once.")
    return version


def _manifest(kind: str, schema: str) -> BackupManifest:
    origins = [each for each in setting_origins() if each.origin != "default"]
    return BackupManifest(
        format=FORMAT,
        modelyard=__version__,
        schema_version=schema,
        database=kind,
        created_at=time.time(),
        settings={each.name: each.value for each in origins if not _is_hidden(each)},
        secrets=[each.name for each in origins if _is_hidden(each)],
    )


def _is_hidden(origin: SettingOrigin) -> bool:
    return origin.secret or origin.value == HIDDEN


def _add_files(archive: tarfile.TarFile, home: Path, summary: BackupSummary) -> None:
    """Add the files of the home folder that are not in the archive yet; one that goes away meanwhile is left out."""
    for path in _files(home):
        name = path.relative_to(home).as_posix()
        if name in summary.written:
            continue
        try:
            with path.open("rb") as file:
                member = archive.gettarinfo(arcname=f"{HOME}/{name}", fileobj=file)
                archive.addfile(member, cast(IO[bytes], BackupReader(file, summary)))
        except FileNotFoundError:
            continue
        summary.written.add(name)
        summary.files += 1


def _files(home: Path) -> Iterator[Path]:
    for name in KEPT:
        for folder, below, files in os.walk(home / name):
            place = Path(folder)
            below[:] = sorted(each for each in below if (place / each).relative_to(home).as_posix() not in LEFT_OUT)
            yield from (place / each for each in sorted(files) if not (place / each).is_symlink())


def _add_settings(archive: tarfile.TarFile, home: Path) -> None:
    """Add the file of settings without its secrets; one that holds a secret on more than one line is left out."""
    try:
        text = (home / SETTINGS).read_text(encoding="utf-8")
    except FileNotFoundError:
        return
    secrets = [name for name, each in Settings.model_fields.items() if not each.repr]
    public_text = re.sub(rf"(?m)^\s*({'|'.join(secrets)})\s*=.*\n?", "", text)
    if not set(tomllib.loads(public_text)) & set(secrets):
        _add_text(archive, f"{HOME}/{SETTINGS}", public_text.encode())


def _add_text(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mtime, member.mode = len(data), int(time.time()), 0o600
    archive.addfile(member, io.BytesIO(data))


def _copy_sqlite(url: str, target: Path) -> None:
    """Copy a database as of one moment, whatever writes to it."""
    path = Path(str(make_url(url).database)).absolute()
    try:
        with closing(sqlite3.connect(path, timeout=30)) as source, closing(sqlite3.connect(target)) as copy:
            source.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")
            (state,) = copy.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        raise CannotStart(f"The database '{path}' cannot be copied: {reason(error)}.") from None
    if state != "ok":
        raise CannotStart(f"The database '{path}' is damaged: {state}.")


def _dump(url: str, target: Path) -> None:
    """Dump a database without the indexes of knowledge bases, which are made anew from its rows."""
    options = ("--format=custom", "--no-owner", "--no-privileges", "--exclude-table=modelyard_index_*")
    run_postgres("pg_dump", url, *options, f"--file={target}")


def run_postgres(program: str, url: str | None, *options: str, keep_open: tuple[int, ...] = ()) -> str:
    """Run a program of PostgreSQL, for a database if `url` has one, and return its output; passwords are in its environment only.

    Files of `keep_open` stay open until it has ended, even if this process is killed. Raises `CannotStart`.
    """
    if shutil.which(program) is None:
        raise CannotStart(f"There is no {program} here; install the client programs of PostgreSQL.")
    command, environment = [program, *options], dict(os.environ)
    if url is not None:
        place = make_url(url)._replace(drivername="postgresql", password=None)  # `set` would leave the password
        command.insert(1, f"--dbname={place.render_as_string(hide_password=False)}")
        environment |= {"PGPASSWORD": str(password)} if (password := make_url(url).password) else {}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, pass_fds=keep_open)
    if done.returncode:
        words = " ".join(line.removeprefix(f"{program}: ") for line in done.stderr.split("\n"))
        raise CannotStart(f"{program} failed: {' '.join(words.split()) or 'it gave no reason'}")
    return done.stdout


def _mode(target: Path) -> Any:
    return "w:gz" if target.name.endswith((".gz", ".tgz")) else "w"
