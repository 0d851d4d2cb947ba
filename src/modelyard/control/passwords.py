"""Hashes passwords, and limits how often they may be guessed. Does not access the database."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import math
import os
import time
from collections.abc import Callable

from modelyard.core.access import Window
from modelyard.core.errors import InvalidParameter, RateLimited

COST, BLOCK, PARALLEL = 2**14, 8, 1
"""scrypt's parameters: 16 MB of memory and about 50 ms per attempt."""
LONGEST = 1024
SHORTEST = 8
FAILURES_OF_ADDRESS = 10
FAILURES_OF_NAME = 30
"""Wrong passwords per minute after which an address, or a user name from any address, must wait."""
REMEMBERED = 10_000


async def hashed(password: str) -> str:
    """Hash a password with a random salt; the result contains the parameters. Raises `InvalidParameter` if it is too short."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise InvalidParameter("password", f"must have {SHORTEST} to {LONGEST} characters.")
    salt = os.urandom(16)
    digest = await _scrypt(password, salt, COST, BLOCK, PARALLEL)
    return f"scrypt${COST}${BLOCK}${PARALLEL}${_text(salt)}${_text(digest)}"


async def matches(password: str, stored: str | None) -> bool:
    """Whether a password matches the stored hash. Takes equally long if there is no hash, to hide which users exist."""
    if stored is None:
        await _scrypt(password[:LONGEST], b"nobody" * 3, COST, BLOCK, PARALLEL)
        return False
    _, cost, block, parallel, salt, digest = stored.split("$")
    found = await _scrypt(password[:LONGEST], base64.b64decode(salt), int(cost), int(block), int(parallel))
    return hmac.compare_digest(found, base64.b64decode(digest)) and len(password) <= LONGEST


async def _scrypt(password: str, salt: bytes, cost: int, block: int, parallel: int) -> bytes:
    data = password.encode("utf-8", "surrogatepass")
    return await asyncio.to_thread(hashlib.scrypt, data, salt=salt, n=cost, r=block, p=parallel)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


class Guesses:
    """Counts wrong passwords during the last minute, by address and by user name."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._windows: dict[tuple[str, str], Window] = {}

    def check(self, address: str, name: str) -> None:
        """Raise `RateLimited` after too many wrong passwords. Call it before the password is checked, so that no further
        attempt succeeds."""
        now = self._clock()
        for key, limit in self._limits(address, name):
            if (window := self._windows.get(key)) and (wait := window.wait(limit, now)) > 0:
                seconds = math.ceil(wait)
                raise RateLimited(f"too many wrong passwords; try again in {seconds} s.", seconds)

    def wrong(self, address: str, name: str) -> None:
        """Count a wrong password."""
        now = self._clock()
        if len(self._windows) >= REMEMBERED:
            self._windows = {key: window for key, window in self._windows.items() if window.wait(1, now) > 0}
        for key, _ in self._limits(address, name):
            if key in self._windows or len(self._windows) < REMEMBERED:
                self._windows.setdefault(key, Window()).add(1, now)

    def _limits(self, address: str, name: str) -> tuple[tuple[tuple[str, str], int], ...]:
        return (("address", address), FAILURES_OF_ADDRESS), (("name", name), FAILURES_OF_NAME)
