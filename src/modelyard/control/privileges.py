"""Decides whether a caller may launch what it requests, and to which host a key of the server's environment may be sent. Pure.

A launch is checked once, when it is accepted; a restart of the server starts it without another check. The host of a key is
checked whenever a replica starts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from modelyard.core.config import Settings
from modelyard.core.environment import TUNING
from modelyard.core.key_variables import check_binding
from modelyard.core.trust import Privilege, Trust, check_privileges
from modelyard.core.types import Launch
from modelyard.engines import ENGINES
from modelyard.engines.base import Remote
from modelyard.engines.external import with_key


@dataclass(frozen=True, slots=True)
class Permit:
    """What the caller of a launch may do."""

    trust: Trust
    allowances: frozenset[str] = frozenset()
    """Privileges that the server's owner grants to every caller."""

    def check(self, launch: Launch) -> None:
        """Raise `PermissionDenied` with the privileges that a launch needs and this caller does not have."""
        check_privileges(privileges(launch), self.trust, self.allowances)


UNKNOWN = Permit(Trust(False, "A caller of whom nothing is known"))
"""The permit used when no caller is given."""


def privileges(launch: Launch) -> Iterator[Privilege]:
    """Yield everything in a launch that could run code, read files other than weights, or send secrets."""
    engine = ENGINES.get(launch.engine)
    if not engine.profile.remote:  # a remote server receives no environment variables
        yield from environment_privileges(launch.env)
    yield from engine.privileges(launch)


def environment_privileges(env: Mapping[str, str]) -> Iterator[Privilege]:
    """Yield a privilege for each variable of a launch that is not a mere tuning parameter."""
    for name in env:
        if name not in TUNING:
            yield Privilege(
                f"envs:{name}", "a variable of a replica's process can name code to load or where data goes"
            )


def keyed(plan: Remote, settings: Settings, environment: Mapping[str, str]) -> Remote:
    """Add the API key to a remote launch plan that needs one.

    Raises `PermissionDenied` if the server's owner has not bound the key's variable to that host, and `InvalidParameter`
    if the environment lacks the variable.
    """
    if not plan.key_variable:
        return plan
    check_binding(plan.key_variable, plan.address, settings.key_bindings)
    return with_key(plan, environment)
