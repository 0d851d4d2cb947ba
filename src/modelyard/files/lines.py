"""Checks that bytes are JSON Lines: every line a JSON object, as OpenAI requires of files for fine-tuning."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import msgspec

from modelyard.core.errors import BadRequest

LONGEST = 64 * 1024 * 1024
"""Maximum bytes of a line."""
BEGINNING = 40
"""Characters of a wrong line that the error shows."""


class LineCheck:
    """Checks lines while their bytes arrive in blocks. Blank lines are allowed."""

    def __init__(self) -> None:
        self._decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
        self._number = 0
        self._rest = b""

    def feed(self, block: bytes) -> None:
        """Check the lines that this block completes. Raises `BadRequest` for the first wrong one, with OpenAI's sentence."""
        *lines, self._rest = (self._rest + block).split(b"\n")
        for line in lines:
            self._check(line)
        if len(self._rest) > LONGEST:
            raise BadRequest(f"Line {self._number + 1} of the file has more than {LONGEST} bytes; split it.")

    def finish(self) -> None:
        """Check the last line."""
        self._check(self._rest)

    def _check(self, line: bytes) -> None:
        self._number += 1
        if not line.strip():
            return
        try:
            line.decode()  # the decoder does not look into values
            self._decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            text = line[: 4 * BEGINNING].decode("utf-8", "replace")[:BEGINNING]
            raise BadRequest(
                "Expected file to have JSONL format, where every line is a JSON dictionary. Line "
                f"{self._number} is not a dictionary (HINT: line starts with: {json.dumps(text, ensure_ascii=False)}...)."
            ) from None


async def check_lines(blocks: AsyncIterator[bytes]) -> None:
    """Raise `BadRequest` for the first line that is no JSON object. The work is done in threads."""
    check = LineCheck()
    async for block in blocks:
        await asyncio.to_thread(check.feed, block)
    await asyncio.to_thread(check.finish)
