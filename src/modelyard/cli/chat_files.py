"""Reads files of exported chats, and splits what is in them into portions for one request each."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from modelyard.core.errors import BadRequest
from modelyard.core.wording import reason

CHATGPT_FILES = re.compile(r"(.*/)?conversations(-\d+)?\.json")
"""Files with chats in ChatGPT's archive; large exports have several."""
PORTION_BYTES = 8 * 1024 * 1024
PORTION_VALUES = 50_000
PORTION_CHATS = 500


@dataclass(slots=True)
class ExportedChats:
    """What is in a file of exported chats."""

    chats: list[dict[str, Any]] = field(default_factory=list)
    folders: list[dict[str, Any]] = field(default_factory=list)


def read_export(path: Path) -> ExportedChats:
    """Read an export in JSON, or ChatGPT's archive. Raises `BadRequest`."""
    found = ExportedChats()
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                names = sorted(name for name in archive.namelist() if CHATGPT_FILES.fullmatch(name))
                if not names:
                    raise BadRequest(f"'{path}' has no conversations.json, so it is not ChatGPT's export.")
                for name in names:
                    _add(found, path, archive.read(name))
        else:
            _add(found, path, path.read_bytes())
    except (OSError, zipfile.BadZipFile, EOFError) as error:
        raise BadRequest(f"'{path}' cannot be read: {reason(error)}.") from None
    return found


def _add(found: ExportedChats, path: Path, data: bytes) -> None:
    try:
        value = msgspec.json.decode(data.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise BadRequest(f"'{path}' is not JSON: {reason(error)}.") from None
    if isinstance(value, dict) and isinstance(value.get("chats"), list):
        found.folders += [each for each in value.get("folders") or () if isinstance(each, dict)]
        value = value["chats"]
    chats = value if isinstance(value, list) else [value]
    if not all(isinstance(each, dict) for each in chats):
        raise BadRequest(f"'{path}' is no export of chats: it must be a list of chats, or an object with `chats`.")
    found.chats += chats


def portions(found: ExportedChats) -> Iterator[list[dict[str, Any]]]:
    """The chats of an export, as many at once as fit into one request."""
    portion: list[dict[str, Any]] = []
    size = values = 0
    for chat in found.chats:
        data = msgspec.json.encode(chat)
        count = data.count(b",")  # also those in texts: more than there are values, never fewer
        full = size + len(data) > PORTION_BYTES or values + count > PORTION_VALUES or len(portion) >= PORTION_CHATS
        if portion and full:
            yield portion
            portion, size, values = [], 0, 0
        portion.append(chat)
        size, values = size + len(data), values + count
    if portion:
        yield portion
