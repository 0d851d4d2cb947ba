"""Builds multipart forms with files, for requests about pictures, sound and video."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from modelyard.client.request import FilePart
from modelyard.core.errors import InvalidParameter
from modelyard.core.wording import reason

File = bytes | str | os.PathLike[str] | BinaryIO
"""The bytes of a file, its path, or the file itself, opened."""


def with_extras(model: str, fields: Mapping[str, Any], extras: Mapping[str, Any]) -> dict[str, Any]:
    """Form fields with the model, and with options that are not listed as JSON in `kwargs`."""
    return {"model": model, **fields, "kwargs": json.dumps(extras, ensure_ascii=False)}


def texts(fields: Mapping[str, Any]) -> dict[str, str | list[str]]:
    """Text fields of a form; None values are left out."""
    return {
        name: [str(each) for each in value] if isinstance(value, list) else _text(value)
        for name, value in fields.items()
        if value is not None
    }


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def several(name: str, files: File | Sequence[File]) -> list[FilePart]:
    """One file or a list of them, all in the same field."""
    if not isinstance(files, list | tuple):
        return [part(name, files)]  # type: ignore[arg-type]
    if not files:
        raise InvalidParameter(name, "the list is empty.")
    return [part(name, each) for each in files]


def optional(name: str, file: File | None) -> list[FilePart]:
    """The file if there is one."""
    return [] if file is None else [part(name, file)]


def part(name: str, file: File) -> FilePart:
    """One file of a form. Raises `InvalidParameter` for a path that cannot be read."""
    if isinstance(file, bytes):
        return name, (name, file, "application/octet-stream")
    if isinstance(file, str | os.PathLike):
        path = Path(file)
        try:
            return name, (path.name, path.read_bytes(), "application/octet-stream")
        except OSError as error:
            raise InvalidParameter(name, f"'{path}' cannot be read: {reason(error)}.") from None
    return name, (os.path.basename(str(getattr(file, "name", name))), file.read(), "application/octet-stream")
