"""How far a caller may go when it launches a model: only some may have code run, or secrets sent, as they choose. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from modelyard.core.access import ADMIN, Grant
from modelyard.core.errors import PermissionDenied


@dataclass(frozen=True, slots=True)
class Trust:
    """Whether a caller acts for the server's owner."""

    full: bool
    """It may do in a launch whatever the owner could do at a shell of this machine."""
    caller: str
    """For refusals: `The key 'app'`."""


@dataclass(frozen=True, slots=True)
class Privilege:
    """Something in a launch that could have code run, files read or secrets sent as the caller chooses."""

    name: str
    """Its name in `MODELYARD_LAUNCH_ALLOW`: `trust_remote_code`, `envs:NAME`, `vllm_args:FLAG`."""
    reason: str
    """For people, as a clause: `it runs Python of the model's folder`."""


OWNER = Trust(True, "The server's owner")
"""The caller that started the server, with its command line and its configuration."""


OWNER_STATE = "owner"
"""Key in `scope["state"]`; see `counts_as_owner`."""


def counts_as_owner(scope: Mapping[str, Any]) -> bool:
    """Whether a request counts as one of the person who runs the server, although it carries no key.

    True when no key is asked for and the request came in on a loopback-bound server, past the check of `Host`, addressed to
    a loopback name or the bind address, from no page of another origin and through no proxy that says so. Never true on a
    server that others can reach. `ForeignPages` writes it into `scope["state"]["owner"]`; what never passed it is not the owner.
    """
    return scope.get("state", {}).get(OWNER_STATE) is True


def trust_of(grant: Grant | None, owner: bool) -> Trust:
    """The trust of a request: that of its key, or without one, whether it comes from the owner of the server."""
    if grant is not None:
        return Trust(grant.allows(ADMIN), f"The key '{grant.name}'")
    return Trust(owner, "A caller without a key")


def check_privileges(privileges: Iterable[Privilege], trust: Trust, allowances: frozenset[str]) -> None:
    """Raises `PermissionDenied` for the first privilege that neither the caller's trust nor the owner's setting covers."""
    if trust.full:
        return
    for each in privileges:
        if each.name not in allowances:
            raise PermissionDenied(
                f"{each.name}: {trust.caller} may not ask for this, because {each.reason}. It takes a key with the scope "
                f"'{ADMIN}', or a server that its owner starts with MODELYARD_LAUNCH_ALLOW={each.name}."
            )


def read_allowances(text: str) -> frozenset[str]:
    """Names of privileges from a list with commas between; flags may be written with their dashes or with underscores."""
    return frozenset(_spelled(part.strip()) for part in text.split(",") if part.strip())


def _spelled(name: str) -> str:
    kind, colon, rest = name.partition(":")
    if not colon or kind == "envs":
        return name
    return f"{kind}:{rest.lstrip('-').replace('_', '-')}"
