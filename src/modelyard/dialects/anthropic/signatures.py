"""Signatures of thoughts: opaque to clients, which return them. Thoughts that are not shown travel in theirs. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib

SHOWN, HIDDEN = b"\x01", b"\x02"


def signature(thought: str, hidden: bool = False) -> str:
    """The signature of thoughts; with `hidden`, it contains them."""
    data = thought.encode("utf-8", "surrogatepass")
    return base64.b64encode(HIDDEN + data if hidden else SHOWN + hashlib.sha256(data).digest()).decode()


def thought_of(shown: str, signed: str) -> str:
    """The thoughts of a block: those that it shows, else those in its signature. Signatures of other servers have none."""
    if shown or not signed:
        return shown
    try:
        data = base64.b64decode(signed, validate=True)
    except (binascii.Error, ValueError):
        return ""
    return data[1:].decode("utf-8", "replace") if data.startswith(HIDDEN) else ""
