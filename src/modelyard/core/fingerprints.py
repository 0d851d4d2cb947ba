"""The hash by which secrets are stored and found. Pure."""

from __future__ import annotations

import hashlib


def fingerprint(secret: bytes) -> str:
    """The hash of a secret; only the hash is stored."""
    return hashlib.sha256(secret).hexdigest()
