"""Whether a caller may launch what it asks for, and where a key of the server's environment may go. Pure.

A launch is checked once, when it is accepted; a restart of the server starts it again without a look at who asked for it. Where a
key may go is looked at whenever a replica starts.
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
    """What the caller of one launch may do."""

    trust: Trust
    allowances: frozenset[str] = frozenset()
    """Privileges that the server's owner gives to everybody."""

    def check(self, launch: Launch) -> None:
        """Raises `PermissionDenied` naming what of a launch this caller may not ask for."""
        check_privileges(privileges(launch), self.trust, self.allowances)


UNKNOWN = Permit(Trust(False, "A caller of whom nothing is known"))
"""What stands where nobody says who asks."""


def privileges(launch: Launch) -> Iterator[Privilege]:
    """Everything in a launch that could run code, read files other than weights, or send secrets."""
    engine = ENGINES.get(launch.engine)
    if not engine.profile.remote:  # a server elsewhere gets none of them
        yield from environment_privileges(launch.env)
    yield from engine.privileges(launch)


def environment_privileges(env: Mapping[str, str]) -> Iterator[Privilege]:
    """A privilege for each variable of a launch that does more than tune."""
    for name in env:
        if name not in TUNING:
            yield Privilege(
                f"envs:{name}", "a variable of a replica's process can name code to load or where data goes"
            )


def keyed(plan: Remote, settings: Settings, environment: Mapping[str, str]) -> Remote:
    """A plan with the key that it sends, if it sends one.

    Raises `PermissionDenied` where the server's owner has not bound the key's variable to that host, and `InvalidParameter`
    where the environment has no such variable.
    """
    if not plan.key_variable:
        return plan
    check_binding(plan.key_variable, plan.address, settings.key_bindings)
    return with_key(plan, environment)
