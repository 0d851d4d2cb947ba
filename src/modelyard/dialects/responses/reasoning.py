"""`encrypted_content` of thoughts: opaque to clients, which return it in the next request. Pure.

It is not secret, because the thoughts stand beside it or belong to the caller; it is only packed. The digest shows what was
altered or cut off, which then has no effect, as that of other servers has none: clients replay whatever a conversation has.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import zlib

MARK = b"my1"
DIGEST = 16
MOST = 4 * 1024 * 1024
"""Bytes of thoughts that are unpacked."""


def packed(thought: str) -> str:
    """Thoughts as `encrypted_content`."""
    data = zlib.compress(thought.encode("utf-8", "surrogatepass"))
    return base64.urlsafe_b64encode(MARK + _digest(data) + data).decode()


def unpacked(content: str) -> str:
    """The thoughts; empty for content of other servers, and for what was altered."""
    try:
        data = base64.urlsafe_b64decode(content)
    except (binascii.Error, ValueError):
        return ""
    digest, data = data[len(MARK) : len(MARK) + DIGEST], data[len(MARK) + DIGEST :] if data.startswith(MARK) else b""
    if not data or digest != _digest(data):
        return ""
    try:
        return zlib.decompressobj().decompress(data, MOST).decode("utf-8", "replace")
    except zlib.error:
        return ""


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=DIGEST, person=b"modelyard").digest()
