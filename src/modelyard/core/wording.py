"""Rewords exceptions of Python and of the operating system for people."""

from __future__ import annotations

import errno
import json
import re
import sys
from collections.abc import Mapping

SYSTEM: Mapping[int, str] = {
    errno.ENOENT: "there is no such file or folder",
    errno.EISDIR: "it is a folder",
    errno.ENOTDIR: "a part of its path is a file and no folder",
    errno.EACCES: "permission is denied",
    errno.EPERM: "permission is denied",
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the file system is read-only",
    errno.EMFILE: "too many files are open",
    errno.ENFILE: "too many files are open",
    errno.ENAMETOOLONG: "the name is too long",
    errno.ELOOP: "its links lead in a circle",
    errno.EIO: "the disk cannot be read",
    errno.ENOMEM: "there is not enough memory",
    errno.E2BIG: "the arguments and the environment are too long",
    errno.ENOEXEC: "it is no program",
    errno.EADDRINUSE: "the address is in use",
    errno.EADDRNOTAVAIL: "this machine does not have the address",
    errno.ECONNREFUSED: "the connection was refused",
    errno.ECONNRESET: "the connection was reset",
    errno.ETIMEDOUT: "the connection timed out",
    errno.EHOSTUNREACH: "the host cannot be reached",
    errno.ENETUNREACH: "the network cannot be reached",
}
"""`errno` of an `OSError` → its wording, for the middle of a sentence."""

PYTHONS = re.compile(r"\[Errno -?[0-9]+\] | ?<[\w.]+ object at 0x[0-9a-f]+>")
WRONG_SHAPE = "a value in it is of the wrong type"


def reason(error: BaseException) -> str:
    """The reason of an error for the middle of a sentence: without Python's numbers, quoted bytes, class names and full stop.

    The path of a file is left out, because the sentence around it names it.
    """
    ssl = sys.modules.get(
        "ssl"
    )  # the module that raised the error has imported it; importing it here would add 10 ms to every command
    if ssl is not None and isinstance(error, ssl.SSLError):  # its errno is OpenSSL's, with other meanings
        refused = getattr(error, "verify_message", "")
        return f"its certificate is refused: {refused}" if refused else error.reason or str(error)
    if isinstance(error, OSError) and error.errno is not None:
        return SYSTEM.get(error.errno) or _begun_small(error.strerror or type(error).__name__)
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8 text"
    if isinstance(error, UnicodeEncodeError):
        return "it holds half of a character"
    if isinstance(error, json.JSONDecodeError):
        return f"{_begun_small(error.msg)} at line {error.lineno}, column {error.colno}"
    if isinstance(error, KeyError):
        return f"it has no '{error.args[0]}'" if error.args else WRONG_SHAPE
    if isinstance(error, (TypeError, AttributeError, IndexError)):
        return WRONG_SHAPE
    text = PYTHONS.sub("", " ".join(str(error).split())).rstrip(".").removeprefix("JSON is malformed: ")
    return text or "no reason is given"


def _begun_small(text: str) -> str:
    """Lower the first letter for the middle of a sentence; names in capitals stay."""
    return text if text[:2].isupper() else text[:1].lower() + text[1:]


def clean(text: str) -> str:
    """Text of the command line or a pipe as valid Unicode: bytes that are not UTF-8 become `�`."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def in_bytes(count: int | None) -> str:
    """A number of bytes with a unit."""
    if count is None:
        return "-"
    size = float(count)
    for unit in ("B", "KB", "MB", "GB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit in ("B", "KB") or size >= 100 else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TB"
