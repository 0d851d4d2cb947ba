"""The login tokens of each server, in files that only their owner can read."""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelyard.core.private import private_folder

if TYPE_CHECKING:
    from modelyard.client.account_types import TokensDict

EARLY = 60.0  # seconds before its expiry at which a token is renewed


def home() -> Path:
    """The home folder; does not load all settings, which takes longer."""
    return Path(os.environ.get("MODELYARD_HOME") or "~/.modelyard").expanduser()


def file_of(url: str) -> Path:
    """The file with the tokens for a server."""
    return home() / "auth" / f"{hashlib.sha256(url.encode()).hexdigest()[:32]}.json"


def save(url: str, username: str, tokens: TokensDict) -> Path:
    """Store the answer of `POST /token`."""
    path = file_of(url)
    private_folder(home())
    private_folder(path.parent)
    kept = {
        "endpoint": url,
        "username": username,
        "access_token": tokens["access_token"],
        "refresh_token": tokens["refresh_token"],
        "expires_at": time.time() + tokens["expires_in"],
    }
    new = path.with_suffix(f".{os.getpid()}")
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump(kept, file)
    new.replace(path)
    return path


def read(url: str) -> dict[str, Any] | None:
    """The stored tokens for a server; None if there are none or the file is damaged."""
    try:
        kept = json.loads(file_of(url).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    whole = isinstance(kept, dict) and kept.get("endpoint") == url and isinstance(kept.get("access_token"), str)
    return kept if whole else None


def forget(url: str) -> None:
    """Delete the tokens for a server."""
    file_of(url).unlink(missing_ok=True)


def current(url: str) -> str | None:
    """A valid token for a server, renewed if it is about to expire; None without a login."""
    kept = read(url)
    if kept is None:
        return None
    if kept.get("expires_at", 0) - EARLY > time.time():
        return str(kept["access_token"])
    return _renewed(url, kept)


def _renewed(url: str, kept: dict[str, Any]) -> str:
    """Renew a token; returns the old one if that fails, so that the server explains the refusal."""
    from modelyard.client import Client
    from modelyard.core.errors import ModelyardError

    try:
        with Client(url, "unused") as client:
            tokens = client.auth.refresh(kept["refresh_token"])
    except (ModelyardError, KeyError):
        return str(kept["access_token"])
    save(url, str(kept.get("username", "")), tokens)
    return str(tokens["access_token"])
