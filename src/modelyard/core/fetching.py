"""Fetches files from addresses that callers and models give. The only place that does, for engines and tools alike.

A caller who chooses an address chooses where this machine connects to (server-side request forgery). So a host name is
resolved once, every IP address it has is checked, and the connection goes to one that was checked; each redirect is checked in
the same way.
Only the standard library and httptools are imported, because this runs inside replicas too.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from urllib.parse import quote, urljoin, urlsplit

from modelyard.core.addresses import is_own, is_public
from modelyard.core.answers import BadAnswer, HttpAnswer
from modelyard.core.errors import AddressRefused, FetchFailed

log = logging.getLogger(__name__)

HOSTS_VARIABLE = "REPLICA_FETCH_HOSTS"
"""Environment variable of a replica with the setting `fetch_hosts`."""

MOST_BYTES = 10 * 1024 * 1024
MOST_REDIRECTS = 5
MOST_ADDRESSES = 4
"""IP addresses of one host that are tried, one after the other."""
SECONDS = 20.0
"""For one fetch, with name look-up and redirects."""
LOOK_UPS = 8
"""Names that are resolved at the same time, in threads of their own: a slow name server must not hold up anything else."""

SCHEMES = {"http": 80, "https": 443}
PORTS = (80, 443, 8080, 8443)
"""Ports of public hosts; hosts that the owner names have all."""
REDIRECTS = (301, 302, 303, 307, 308)
LONGEST_EXCERPT = 120
"""Characters of an address in a sentence."""

_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,252})")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f\\]")

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""The IP addresses of a host. Raises `OSError` when it has none."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file from the web."""

    url: str
    """Where it was in the end, after redirects."""
    content_type: str
    """In lower case, without parameters; `application/octet-stream` where the host does not say."""
    data: bytes
    """Decompressed."""
    charset: str = ""
    """As the host names it."""


@dataclass(frozen=True, slots=True)
class Hosts:
    """Which hosts may be fetched from."""

    public: bool = True
    """Every public host, at `PORTS`."""
    named: frozenset[str] = frozenset()
    """Hosts as `name` or `name:port`, in lower case, that may be private too."""
    only: frozenset[str] = frozenset()
    """Unless empty, the host must be one of these as well."""

    @classmethod
    def read(cls, text: str, only: str = "") -> Hosts:
        """From the setting `fetch_hosts`: names with commas between, among which `*` stands for all public hosts."""
        names = _names(text)
        return cls("*" in names, names - {"*"}, _names(only))

    def excludes(self, host: str, port: int) -> bool:
        """Whether a narrower list leaves this host out."""
        return bool(self.only) and not _among(host, port, self.only)

    def names(self, host: str, port: int) -> bool:
        """Whether the owner named this host, so that it may be private."""
        return _among(host, port, self.named)


PUBLIC = Hosts()
"""Public hosts, and no other."""


def hosts_of_replica(only: str = "") -> Hosts:
    """The hosts that a replica may fetch from: what the server put into its environment, else every public host."""
    return Hosts.read(os.environ.get(HOSTS_VARIABLE, "*"), only)


def _names(text: str) -> frozenset[str]:
    return frozenset(name for each in text.split(",") if (name := each.strip().lower()))


def _among(host: str, port: int, names: frozenset[str]) -> bool:
    bare = host.lower().rstrip(".")
    excerpt = f"[{bare}]" if ":" in bare else bare
    return bool({bare, excerpt, f"{excerpt}:{port}"} & names)


@dataclass(frozen=True, slots=True)
class FetchTarget:
    """One address in its parts."""

    url: str
    scheme: str
    host: str
    """As ASCII, without brackets."""
    port: int
    path: str
    """With the query, percent-encoded."""

    @property
    def authority(self) -> str:
        """The value of the `Host` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == SCHEMES[self.scheme] else f"{host}:{self.port}"


async def look_up(host: str, port: int) -> list[str]:
    """The IP addresses of a host, as the system finds them."""
    loop = asyncio.get_running_loop()
    found = await loop.run_in_executor(_resolvers(), lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    return list(dict.fromkeys(str(each[4][0]) for each in found))


async def fetch(
    url: str,
    *,
    hosts: Hosts = PUBLIC,
    max_bytes: int = MOST_BYTES,
    seconds: float = SECONDS,
    accept: Sequence[str] = (),
    resolve: Resolve = look_up,
) -> Fetched:
    """The file at an address: at most `max_bytes` after decompression, within `seconds` for everything.

    `accept` has the beginnings of the content types that are taken; empty means all. Raises `AddressRefused` for what the address
    alone rules out, and for all else `FetchFailed`, whose sentence is always the same: it does not tell whether a name
    exists, a port is open or a host answers. The cause goes to the log. Proxies of the environment are not used, because they
    would resolve the name again. Cancelling the task closes the connection.
    """
    cause: Exception
    visit = _Visit(hosts, max_bytes, tuple(accept), resolve)
    try:
        async with asyncio.timeout(seconds):
            return await visit.follow(parse(url, hosts))
    except TimeoutError as error:
        cause, why = error, f"it takes longer than {seconds:g} s"
    except (_Failed, BadAnswer, OSError, ValueError) as error:
        cause, why = error, f"{type(error).__name__}: {error}" if isinstance(error, OSError) else str(error)
    log.info("fetching '%s' failed: %s", excerpt(url), why)
    raise FetchFailed(url, _conditions(max_bytes, seconds, accept)) from cause


def parse(url: str, hosts: Hosts = PUBLIC) -> FetchTarget:
    """An address in its parts, without its fragment. Raises `AddressRefused` for what is not fetched wherever it leads."""
    text = url.strip()
    if _CONTROLS.search(text):
        raise AddressRefused(url, "it may not hold control characters or a backslash")
    try:
        parts = urlsplit(text)
        port = parts.port
        host = _ascii(parts.hostname or "")
    except ValueError as error:
        raise AddressRefused(url, str(error).rstrip(".")) from error
    if parts.scheme not in SCHEMES:
        raise AddressRefused(url, "only http and https addresses are")
    if not host or "@" in parts.netloc:
        raise AddressRefused(url, "it must have a host, and no user name")
    number = SCHEMES[parts.scheme] if port is None else port
    if hosts.excludes(host, number):
        raise AddressRefused(url, f"its host is not one of {', '.join(sorted(hosts.only))}")
    if not hosts.names(host, number):
        if not hosts.public:
            raise AddressRefused(url, "its host is not one that MODELYARD_FETCH_HOSTS names")
        if number not in PORTS:
            raise AddressRefused(url, f"its port is not {', '.join(map(str, PORTS[:-1]))} or {PORTS[-1]}")
    path = quote(parts.path or "/", safe="/%:=&~+!$,;'@()*[]")
    query = f"?{quote(parts.query, safe='/%:=&?~+!$,;@()*[]')}" if parts.query else ""
    return FetchTarget(parts._replace(fragment="").geturl(), parts.scheme, host, number, path + query)


def _ascii(host: str) -> str:
    """A host name as DNS has it. Raises `ValueError` (`UnicodeError` is one) for what is no name."""
    if ":" in host:  # an IPv6 address, which urlsplit has checked but for its zone
        if "%" in host:
            raise ValueError("its host is no name")
        return host
    plain = host if host.isascii() else host.encode("idna").decode("ascii")
    if plain and not _HOST.fullmatch(plain):
        raise ValueError("its host is no name")
    return plain


def excerpt(url: str) -> str:
    """An address for people; a `data:` address may have millions of characters."""
    return url if len(url) <= LONGEST_EXCERPT else f"{url[:LONGEST_EXCERPT]}…"


def _conditions(max_bytes: int, seconds: float, accept: Sequence[str]) -> str:
    kinds = f", of type {' or '.join(accept)}" if accept else ""
    return (
        f"it must be at a public host, or one that MODELYARD_FETCH_HOSTS names, answer with status 200 within {seconds:g} s, "
        f"and have at most {max_bytes} bytes{kinds}"
    )


class _Failed(Exception):
    """Why a fetch came to nothing, for the log only."""


@dataclass(frozen=True, slots=True)
class _Visit:
    """One fetch, and what it may do."""

    hosts: Hosts
    max_bytes: int
    accept: tuple[str, ...]
    resolve: Resolve
    head: bytes = field(
        default=b"User-Agent: Mozilla/5.0 (compatible; modelyard)\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate\r\n"
        b"Connection: close\r\n\r\n"
    )

    async def follow(self, target: FetchTarget) -> Fetched:
        for _ in range(MOST_REDIRECTS + 1):
            answer = await self._ask(target)
            where = answer.headers.get("location", "")
            if answer.status not in REDIRECTS or not where:
                return Fetched(target.url, answer.content_type, bytes(answer.body), answer.charset)
            try:
                target = parse(urljoin(target.url, where), self.hosts)
            except AddressRefused as error:  # what the host answers is not told
                raise _Failed(f"it redirects: {error.message}") from error
        raise _Failed(f"it redirects more than {MOST_REDIRECTS} times")

    async def _ask(self, target: FetchTarget) -> HttpAnswer:
        failure: OSError | None = None
        for place in (await self._places(target))[:MOST_ADDRESSES]:
            try:
                reader, writer = await asyncio.open_connection(
                    place,
                    target.port,
                    ssl=tls() if target.scheme == "https" else None,
                    server_hostname=target.host if target.scheme == "https" else None,
                )
            except OSError as error:
                failure = error
                continue
            try:
                return await self._get(target, reader, writer)
            finally:
                writer.transport.abort()
        raise failure or _Failed("its host has no address")

    async def _places(self, target: FetchTarget) -> list[str]:
        """The IP addresses that may be connected to: all of a host's, or none."""
        found = list(await self.resolve(target.host, target.port))
        if not self.hosts.names(target.host, target.port):
            for place in found:
                if not is_public(place) or is_own(place):
                    raise _Failed(f"its host is at {place}, which is not public")
        return found

    async def _get(self, target: FetchTarget, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> HttpAnswer:
        line = f"GET {target.path} HTTP/1.1\r\nHost: {target.authority}\r\n"
        writer.write(line.encode("ascii") + self.head)
        answer = HttpAnswer(self.max_bytes)
        while not answer.complete:
            data = await reader.read(1 << 16)
            if not data:
                answer.end()
                break
            answer.feed(data)
            if answer.begun:
                if answer.status in REDIRECTS and "location" in answer.headers:
                    break
                self._check(answer)
        self._check(answer)
        return answer

    def _check(self, answer: HttpAnswer) -> None:
        if answer.status in REDIRECTS and "location" in answer.headers:
            return
        if answer.status != 200:
            raise _Failed(f"its host answers {answer.status}")
        if self.accept and not answer.content_type.startswith(self.accept):
            raise _Failed(f"it is '{answer.content_type}'")


@cache
def _resolvers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(LOOK_UPS, "look-up")


@cache
def tls() -> ssl.SSLContext:
    """The verification of certificates: by the system's authorities, and by those of certifi where it is installed."""
    context = ssl.create_default_context()
    with contextlib.suppress(ImportError):
        import certifi

        context.load_verify_locations(certifi.where())
    return context
