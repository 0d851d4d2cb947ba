"""Limits attempts to guess passwords and keys, by address and by user name, with a growing delay. Kept in memory."""

from __future__ import annotations

import heapq
import ipaddress
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from modelyard.core.errors import RateLimited
from modelyard.core.fingerprints import fingerprint
from modelyard.core.names import composed

FIRST_WAIT = 60.0
"""Seconds of the first delay; each further failure about doubles the delay."""
REMEMBERED = 10_000
"""Addresses and names whose failures are remembered, and pairs of both that logged in."""


@dataclass(frozen=True, slots=True)
class Bound:
    """The number of failures that cause no delay."""

    failures: int
    """Number of failures in a short time after which attempts are delayed."""
    pardon: float
    """Seconds after which one failure is forgotten."""
    longest_wait: float
    """Maximum delay in seconds."""


ADDRESS = Bound(failures=10, pardon=300.0, longest_wait=3600.0)
NAME = Bound(failures=30, pardon=60.0, longest_wait=600.0)
"""A name is bounded across all addresses, less strictly, because somebody else's guesses delay its owner."""


@dataclass(slots=True)
class Failures:
    """The recent failures of an address or a name."""

    level: float
    """Failures that are not yet forgotten, at `at`."""
    at: float
    until: float = 0.0
    """When the next attempt is allowed."""

    def left(self, bound: Bound, now: float) -> float:
        """The number of failures that are not forgotten yet."""
        return max(0.0, self.level - max(0.0, now - self.at) / bound.pardon)

    def add(self, bound: Bound, now: float) -> None:
        """Count a failure."""
        self.level, self.at = self.left(bound, now) + 1, now
        excess = self.level - bound.failures
        if excess > -1:  # part of a failure may be forgotten already
            wait = min(bound.longest_wait, FIRST_WAIT * 2**excess)
            self.level = min(self.level, bound.failures + math.log2(bound.longest_wait / FIRST_WAIT))
            self.at = self.until = now + wait  # nothing is forgotten while the next attempt has to wait


BoundedName = tuple[Bound, str]


class Guesses:
    """Counts failed logins. It makes no difference whether a user exists.

    The limit of a name does not apply to an address from which its owner has logged in, so that nobody can lock others out.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: dict[BoundedName, Failures] = {}
        self._known: dict[tuple[str, str], None] = {}
        """Addresses and names that logged in together, the most recent last."""

    def check(self, address: str, name: str | None = None) -> None:
        """Raise `RateLimited` for an attempt that must wait. It is called before the password is checked."""
        now = self._clock()
        waits = [failures.until - now for key in self._keys(address, name) if (failures := self._failures.get(key))]
        if (wait := max(waits, default=0.0)) > 0:
            seconds = math.ceil(wait)
            raise RateLimited(f"too many wrong passwords; try again in {seconds} s.", seconds)

    def wrong(self, address: str, name: str | None = None) -> None:
        """Count a failure; `name` is None for a wrong key."""
        now = self._clock()
        for key in self._keys(address, name):
            failures = self._failures.get(key)
            if failures is None:
                if len(self._failures) >= REMEMBERED:
                    self._make_room(now)
                failures = self._failures[key] = Failures(0.0, now)
            failures.add(key[0], now)

    def right(self, address: str, name: str) -> None:
        """Record that a name's owner uses an address. Failures stay counted: an attacker may have an account, too."""
        pair = _network(address), _short(name)
        self._known.pop(pair, None)
        self._known[pair] = None
        if len(self._known) > REMEMBERED:
            del self._known[next(iter(self._known))]

    def _keys(self, address: str, name: str | None) -> list[BoundedName]:
        network = _network(address)
        if name is None or (network, _short(name)) in self._known:
            return [(ADDRESS, network)]
        return [(ADDRESS, network), (NAME, _short(name))]

    def _make_room(self, now: float) -> None:
        """Forget a tenth, those with the fewest failures first: a flood of new names does not free a name under attack."""
        levels = {key: failures.left(key[0], now) / key[0].failures for key, failures in self._failures.items()}
        for key in heapq.nsmallest(max(1, REMEMBERED // 10), levels, key=levels.__getitem__):
            del self._failures[key]


def _short(name: str) -> str:
    """A key of fixed length for a name, equal for all its spellings."""
    return fingerprint(composed(name.replace("\0", "")).encode("utf-8", "surrogatepass"))[:32]


def _network(address: str) -> str:
    """The address, or for IPv6 its network of 64 bits, all of which one host may have."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))
