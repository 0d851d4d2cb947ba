"""Files that commands write: whole or not at all, but for pipes and devices, which get the bytes as they come."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from modelyard.core.errors import BadRequest
from modelyard.core.wording import reason


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Open a file beside `path` that takes its place when it is whole. Raises `BadRequest` where that cannot be written.

    A link stays, and its target is replaced. What is no file, such as /dev/stdout or a named pipe, is written itself.
    """
    target = path.resolve()
    try:
        if path.exists() and not path.is_file():
            with path.open("wb") as file:
                yield file
            return
        half = target.with_name(f"{target.name}.part")
        try:
            with half.open("wb") as file:
                yield file
            half.replace(target)
        finally:
            half.unlink(missing_ok=True)
    except OSError as error:
        raise BadRequest(f"'{path}' cannot be written: {reason(error)}.") from None
