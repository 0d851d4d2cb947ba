"""Hashes passwords. Does not access the database."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import os

from modelyard.core.errors import InvalidParameter

COST, BLOCK, PARALLEL = 2**14, 8, 1
"""scrypt's parameters: 16 MB of memory and about 50 ms per attempt."""
LONGEST = 1024
SHORTEST = 8


async def hashed(password: str, field: str = "password") -> str:
    """Hash a password with a random salt; the result contains the parameters.

    Raises `InvalidParameter`, which names the `field`, if it is too short or long.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise InvalidParameter(field, f"it must have {SHORTEST} to {LONGEST} characters.")
    salt = os.urandom(16)
    digest = await _scrypt(password, salt, COST, BLOCK, PARALLEL)
    return f"scrypt${COST}${BLOCK}${PARALLEL}${_text(salt)}${_text(digest)}"


async def matches(password: str, stored: str | None) -> bool:
    """Whether a password matches the stored hash. Takes equally long if there is no hash, to hide which users exist."""
    if stored is None:
        await _scrypt(password[:LONGEST], b"nobody" * 3, COST, BLOCK, PARALLEL)
        return False
    _, cost, block, parallel, salt, digest = stored.split("$")
    key = await _scrypt(password[:LONGEST], base64.b64decode(salt), int(cost), int(block), int(parallel))
    return hmac.compare_digest(key, base64.b64decode(digest)) and len(password) <= LONGEST


async def _scrypt(password: str, salt: bytes, cost: int, block: int, parallel: int) -> bytes:
    data = password.encode("utf-8", "surrogatepass")
    return await asyncio.to_thread(hashlib.scrypt, data, salt=salt, n=cost, r=block, p=parallel)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
