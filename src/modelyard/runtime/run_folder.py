"""The folder of files that exist only while the server runs: replicas' sockets, and a folder of temporary files for each replica.

Engines leave files behind when they are killed: vLLM a socket for each of its processes, others caches and copies of inputs. They
create them in the folder that `TMPDIR` names, which this module removes together with the replica."""

from __future__ import annotations

import getpass
import os
import shutil
import sys
import tempfile
from contextlib import suppress
from itertools import count
from pathlib import Path

LONGEST_SOCKET = 103 if sys.platform == "darwin" else 107
"""Maximum length in bytes of a socket's path."""
NAME_IN_FOLDER = len("/") + 36
"""Length in bytes of a socket's name in an engine's temporary folder: vLLM names sockets by UUIDs."""
LONGEST_NAME = len("/999999.tmp")
PREFIX = "modelyard-"
RECORD = "run-folder"
"""File beside the folder with the path of a folder used in its place, which the next server removes if this one is killed."""


class RunFolder:
    """A folder that only this user can enter. Use it on one event loop."""

    def __init__(self, folder: Path) -> None:
        """Empty the folder, or make another one where its path is too long for sockets."""
        self._record = folder.with_name(RECORD)
        self._serial = count(1)
        _remove_recorded(self._record)
        shutil.rmtree(folder, ignore_errors=True)
        if fits(folder):
            folder.mkdir(mode=0o700, parents=True)
            self.path = folder
            return
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX))
        if not fits(self.path) and os.access("/tmp", os.W_OK):
            self.path.rmdir()
            self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir="/tmp"))
        with suppress(OSError):  # without it, a killed server leaves the folder
            self._record.write_text(str(self.path), encoding="utf-8")

    def socket(self) -> Path:
        """A path at which a replica may listen."""
        return self.path / f"{next(self._serial)}.sock"

    def temporary(self) -> Path | None:
        """A new folder for the temporary files of a replica; None if it cannot be created."""
        folder = self.path / f"{next(self._serial)}.tmp"
        try:
            folder.mkdir(mode=0o700)
        except OSError:
            return None
        return folder if fits(self.path) else None

    def close(self) -> None:
        """Remove everything."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._record.unlink(missing_ok=True)


def fits(folder: Path) -> bool:
    """Whether the paths of sockets in temporary folders below this one are short enough for the system."""
    return len(os.fsencode(folder)) + LONGEST_NAME + NAME_IN_FOLDER <= LONGEST_SOCKET


def _remove_recorded(record: Path) -> None:
    """Remove the folder of a server that was killed."""
    with suppress(OSError, ValueError):
        folder = Path(record.read_text(encoding="utf-8"))
        if folder.name.startswith(PREFIX) and folder.stat().st_uid == os.getuid() and not folder.is_symlink():
            shutil.rmtree(folder, ignore_errors=True)
        record.unlink()


def temporary_variables(folder: Path) -> dict[str, str]:
    """Environment variables that make a replica create its temporary files in a folder."""
    found = {"TMPDIR": str(folder)}
    with suppress(OSError, KeyError):  # a user without a name has no such cache
        # torch's cache of compiled code is in the temporary folder by default, and is worth keeping
        user = getpass.getuser()
        found["TORCHINDUCTOR_CACHE_DIR"] = os.environ.get("TORCHINDUCTOR_CACHE_DIR") or os.path.join(
            tempfile.gettempdir(), f"torchinductor_{user}"
        )
    return found
