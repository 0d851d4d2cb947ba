"""Refuses to start a server that other machines can reach and that has no key, unless `--insecure` is given."""

from __future__ import annotations

import ipaddress
import shlex

from modelyard.control.key_snapshots import SessionTimes
from modelyard.control.keys import KeyStore
from modelyard.core.aliases import Aliases
from modelyard.core.config import Settings
from modelyard.core.errors import CannotStart
from modelyard.db.session import Database


async def loaded_keys(settings: Settings, database: Database, aliases: Aliases) -> KeyStore:
    """Load the keys of the database. Raises `CannotStart` if other machines could connect without a key."""
    exposed = not on_loopback(settings.host) and not settings.insecure
    times = SessionTimes(settings.session_idle_timeout, settings.session_lifetime, settings.session_rotation)
    keys = KeyStore(database, settings.auth, exposed, aliases, times)
    await keys.load()
    if not keys.exposed:
        return keys
    if settings.auth == "off":
        raise CannotStart(
            f"Listening on {settings.host} with MODELYARD_AUTH=off would let anybody who reaches it use this server. Use "
            "--insecure (MODELYARD_INSECURE=1) if something else guards it."
        )
    if not keys.usable:
        home = f" --home {shlex.quote(str(settings.home))}" if "home" in settings.model_fields_set else ""
        raise CannotStart(
            f"Listening on {settings.host} would let anybody who reaches it use this server, because it has no key yet. "
            f"Create one first: modelyard key create --name me{home}. Or listen on 127.0.0.1, or use --insecure "
            "(MODELYARD_INSECURE=1) if something else guards it."
        )
    return keys


def on_loopback(host: str) -> bool:
    """Whether only this machine can reach an address; a name other than `localhost` counts as reachable."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
