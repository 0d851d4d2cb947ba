"""Refuses requests that web pages of other sites make a browser send: by `Host`, `Origin` and `Sec-Fetch-*`.

It prevents two attacks. *DNS rebinding*: a page of evil.example lets its name resolve to 127.0.0.1, so that the browser sees this
server as the page's own; only the `Host` header, which is still evil.example, shows it. *Cross-site requests*: any page may
send forms and plain text to any address, without the right to read the answer. `docs/security.md` has the details.
Programs other than browsers send neither `Origin` nor `Sec-Fetch-*`, and pass, unless they send the cookie of a session, which
counts for our own pages only.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from modelyard.api.exposure import on_loopback
from modelyard.control.keys import KeyStore
from modelyard.core.access import credential
from modelyard.core.asgi import App, Receive, Scope, Send
from modelyard.core.config import Settings
from modelyard.core.cookies import COOKIE, session_tokens
from modelyard.core.errors import CrossSiteRefused, HostNotAllowed, ModelyardError, OriginUnproven
from modelyard.core.trust import OWNER_STATE
from modelyard.gateway.asgi import send_error
from modelyard.gateway.headers import request_id

Head = Mapping[bytes, bytes]
"""The request headers that decisions depend on; a repeated header has the value `REPEATED`."""

ANY = "*"
REPEATED = b"\0"
HOST, ORIGIN, SITE = b"host", b"origin", b"sec-fetch-site"
MODE, DEST, PREFLIGHT = b"sec-fetch-mode", b"sec-fetch-dest", b"access-control-request-method"
FORWARDED = frozenset({b"forwarded", b"via", b"x-forwarded-for", b"x-forwarded-host", b"x-real-ip"})
"""Headers that proxies add: the client is then elsewhere, although the connection comes from this machine."""
DECISIVE = frozenset({HOST, ORIGIN, SITE, MODE, DEST, PREFLIGHT, COOKIE}) | FORWARDED

READING = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing. CORS hides their answers from pages of other origins."""
OWN_SITES = frozenset({b"same-origin", b"none"})
"""`Sec-Fetch-Site` of our own pages, and of URLs that the user typed. `same-site` includes other ports of localhost."""
FRAMES = frozenset({b"iframe", b"frame", b"fencedframe", b"embed", b"object"})
WILDCARDS = frozenset({"0.0.0.0", "::", ""})

HOST_LENGTH = 300
HOST_VALUE = re.compile(rb"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::[0-9]{1,5})?")


@dataclass(frozen=True, slots=True)
class PagePolicy:
    """The server's settings about hosts and pages."""

    bind: str = "127.0.0.1"
    """The address that the server listens on, in the form of `canonical`."""
    loopback: bool = True
    insecure: bool = False
    hosts: frozenset[str] = frozenset()
    """`MODELYARD_ALLOWED_HOSTS` in the form of `canonical`, or `*`."""
    origins: frozenset[bytes] = frozenset()
    """`MODELYARD_CORS_ORIGINS`: pages that may use this server, or `*`."""

    @classmethod
    def of(cls, settings: Settings) -> PagePolicy:
        """The policy of a server's settings."""
        hosts = frozenset(_listed(name.strip()) for name in settings.allowed_hosts.split(",") if name.strip())
        origins = frozenset(
            each.strip().rstrip("/").encode() for each in settings.cors_origins.split(",") if each.strip()
        )
        return cls(canonical(settings.host), on_loopback(settings.host), settings.insecure, hosts, origins)

    def checks_hosts(self, keys_required: bool) -> bool:
        """Whether `Host` must be a known name: on loopback, if the setting is set, and if an exposed server has no keys."""
        if ANY in self.hosts:
            return False
        return self.loopback or bool(self.hosts) or (self.insecure and not keys_required)

    def is_own(self, name: str) -> bool:
        """Whether a name is a loopback name or the address that the server listens on.

        For a server on all addresses this includes every IP address; that is safe, because DNS rebinding
        needs a name.
        """
        return name == self.bind or on_loopback(name) or (self.bind in WILDCARDS and is_address(name))

    def admits(self, origin: bytes | None) -> bool:
        """Whether the setting allows pages of an origin to use this server."""
        return origin in self.origins or b"*" in self.origins


class ForeignPages:
    """The outermost ASGI app of a server, which refuses requests by `refusal` and sets `counts_as_owner`."""

    def __init__(self, app: App, settings: Settings, keys: KeyStore) -> None:
        self._app = app
        self._policy = PagePolicy.of(settings)
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        head, required = decisive(scope["headers"]), self._keys.access.required
        old = scope.get("http_version") == "1.0"
        scheme = scope.get("scheme", "http")
        error = refusal(self._policy, required, scope["method"], scheme, head, old)
        if error is None and COOKIE in head and sends_session(scope["headers"]):
            if scope["method"] not in READING and not from_own_page(scheme, head):
                error = OriginUnproven()
            elif from_other_page(scheme, head):  # it may read what anybody may
                scope["headers"] = [pair for pair in scope["headers"] if pair[0] != COOKIE]
        if error is not None:
            await send_error(send, error, [(b"x-request-id", request_id(scope["headers"]))])
            return
        scope.setdefault("state", {})[OWNER_STATE] = not required and is_owner(self._policy, scheme, head)
        await self._app(scope, receive, send)


def decisive(headers: Iterable[tuple[bytes, bytes]]) -> Head:
    """The headers that decisions depend on; names are lower case."""
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in DECISIVE:
            found[name] = REPEATED if name in found else value
    return found


def refusal(
    policy: PagePolicy, keys_required: bool, method: str, scheme: str, head: Head, old: bool = False
) -> ModelyardError | None:
    """The reason why a request is refused; None if it may pass.

    `old` means HTTP/1.0, which has no `Host`. All browsers use a later version, so a request of 1.0 without it
    comes from a program, such as the health check of a load balancer.
    """
    if policy.checks_hosts(keys_required) and not (old and HOST not in head):
        name = host_name(head.get(HOST, b""))
        if name is None or not (policy.is_own(name) or name in policy.hosts):
            return HostNotAllowed(name or readable(head.get(HOST, b"")))
    if not from_other_page(scheme, head) or policy.admits(head.get(ORIGIN)):
        return None
    if method not in READING or PREFLIGHT in head or head.get(MODE) == b"no-cors" or head.get(DEST) in FRAMES:
        return CrossSiteRefused(readable(head.get(ORIGIN, b"")))
    return None


def is_owner(policy: PagePolicy, scheme: str, head: Head) -> bool:
    """Whether the caller counts as the owner if no key is required; see `counts_as_owner`."""
    if not policy.loopback or ANY in policy.hosts or from_other_page(scheme, head):
        return False
    name = host_name(head.get(HOST, b""))
    return name is not None and policy.is_own(name) and FORWARDED.isdisjoint(head)


def from_other_page(scheme: str, head: Head) -> bool:
    """Whether the headers show that a page of another origin made the browser send the request.

    Browsers omit `Sec-Fetch-Site` for plain http to other machines; then `Origin` must be our own address.
    Behind a proxy that terminates TLS the page's origin is https, while the request arrives by http.
    """
    site = head.get(SITE)
    if site is not None:
        return site not in OWN_SITES
    origin = head.get(ORIGIN)
    if origin is None:
        return False
    host = head.get(HOST, b"").lower()
    return origin != scheme.encode() + b"://" + host and origin != b"https://" + host


def from_own_page(scheme: str, head: Head) -> bool:
    """Whether the headers prove that a page of this server made the browser send the request."""
    site = head.get(SITE)
    if site is not None:
        return site == b"same-origin"
    return ORIGIN in head and not from_other_page(scheme, head)


def sends_session(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether a request would be admitted by the cookie of a session; a key in a header goes before it."""
    return bool(session_tokens(headers)) and not credential(headers)


def host_name(value: bytes) -> str | None:
    """The name in a `Host` header, in the form of `canonical`; None if it is not `name[:port]`."""
    return _host_name(value) if len(value) <= HOST_LENGTH else None


@lru_cache(maxsize=1024)
def _host_name(value: bytes) -> str | None:
    found = HOST_VALUE.fullmatch(value)
    if found is None:
        return None
    if found[1] is None:
        return canonical(found[2].decode()) or None
    name = canonical(found[1].decode())
    return name if is_address(name) else None


def _listed(name: str) -> str:
    """A name in the setting, without its port if it has one: all ports are allowed."""
    return host_name(name.encode()) or canonical(name)


def canonical(name: str) -> str:
    """The normal form of a host name or address: lower case, without brackets and final dot."""
    plain = name.lower().removeprefix("[").removesuffix("]").removesuffix(".")
    try:
        return ipaddress.ip_address(plain).compressed
    except ValueError:
        return plain


@lru_cache(maxsize=1024)
def is_address(name: str) -> bool:
    """Whether a name is an IP address."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def readable(value: bytes) -> str:
    """A header's value for an error message: short and printable."""
    return "".join(each if each.isprintable() else "?" for each in value.decode("latin-1"))[:100]
