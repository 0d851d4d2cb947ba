"""How far a caller may go in a launch: only trusted callers may have code run or secrets sent by its options. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from modelyard.core.access import ADMIN, Grant
from modelyard.core.errors import PermissionDenied


@dataclass(frozen=True, slots=True)
class Trust:
    """Whether a caller has the rights of the server's owner."""

    full: bool
    """Whether it may do in a launch everything that the owner could do in a shell on this machine."""
    caller: str
    """The caller's name in refusals, such as `The key 'app'`."""


@dataclass(frozen=True, slots=True)
class Privilege:
    """Something in a launch by which the caller could run code, read files or send secrets."""

    name: str
    """Its name in `MODELYARD_LAUNCH_ALLOW`: `trust_remote_code`, `envs:NAME`, `vllm_args:FLAG`."""
    reason: str
    """The reason for people, as a clause: `it runs Python of the model's folder`."""


OWNER = Trust(True, "The server's owner")
"""The caller that starts the server, by its command line and its configuration."""


OWNER_STATE = "owner"
"""The key in `scope["state"]`; see `counts_as_owner`."""


def counts_as_owner(scope: Mapping[str, Any]) -> bool:
    """Whether a request without a key counts as one of the person who runs the server.

    True if no key is required and the request arrived at a server bound to loopback, passed the check of `Host` with
    a loopback name or the bind address, comes from no page of another origin, and through no proxy that adds headers. Never true
    on a server that other machines can reach. `ForeignPages` sets `scope["state"]["owner"]`; without it the answer is False.
    """
    return scope.get("state", {}).get(OWNER_STATE) is True


def trust_of(grant: Grant | None, owner: bool) -> Trust:
    """The trust of a request: that of its key, or without a key, whether it counts as the owner's."""
    if grant is not None:
        return Trust(grant.allows(ADMIN), f"The key '{grant.name}'")
    return Trust(owner, "A caller without a key")


def check_privileges(privileges: Iterable[Privilege], trust: Trust, allowances: frozenset[str]) -> None:
    """Raise `PermissionDenied` for the first privilege that neither the caller's trust nor the owner's setting grants."""
    if trust.full:
        return
    for each in privileges:
        if each.name not in allowances:
            raise PermissionDenied(
                f"{each.name}: {trust.caller} may not ask for this, because {each.reason}. It takes a key with the scope "
                f"'{ADMIN}', or a server that its owner starts with MODELYARD_LAUNCH_ALLOW={each.name}."
            )


def read_allowances(text: str) -> frozenset[str]:
    """Privilege names from a list separated by commas; flags may have dashes or underscores."""
    return frozenset(_spelled(part.strip()) for part in text.split(",") if part.strip())


def _spelled(name: str) -> str:
    kind, colon, rest = name.partition(":")
    if not colon or kind == "envs":
        return name
    return f"{kind}:{rest.lstrip('-').replace('_', '-')}"
