"""Fetches files from URLs of callers and models. Engines and tools fetch by this module only.

A caller who chooses a URL chooses where this machine connects to (server-side request forgery). Therefore a host name is
resolved once, all its IP addresses are checked, and the connection goes to a checked address; each redirect is checked
likewise.
It imports only the standard library and httptools, because it also runs in replicas.
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
"""Environment variable that passes the setting `fetch_hosts` to a replica."""

MOST_BYTES = 10 * 1024 * 1024
MOST_REDIRECTS = 5
MOST_ADDRESSES = 4
"""Maximum number of a host's IP addresses that are tried, one after the other."""
SECONDS = 20.0
"""Timeout of one fetch, with name look-up and redirects."""
LOOK_UPS = 8
"""Names that are resolved concurrently, in a thread pool of their own, so that a slow name server delays nothing else."""

SCHEMES = {"http": 80, "https": 443}
PORTS = (80, 443, 8080, 8443)
"""Allowed ports of public hosts; hosts that the setting names may use all ports."""
REDIRECTS = (301, 302, 303, 307, 308)
LONGEST_EXCERPT = 120
"""Maximum characters of a URL in a message."""

_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,252})")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f\\]")

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Returns the IP addresses of a host. Raises `OSError` if it has none."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A fetched file."""

    url: str
    """The final URL, after redirects."""
    content_type: str
    """In lower case, without parameters; `application/octet-stream` if the host states none."""
    data: bytes
    """The content, decompressed."""
    charset: str = ""
    """The charset that the host states; empty if it states none."""
    filename: str = ""
    """The file name that the host states, without folders; empty if it states none."""


@dataclass(frozen=True, slots=True)
class Hosts:
    """The hosts that may be fetched from."""

    public: bool = True
    """Whether every public host is allowed, at `PORTS`."""
    named: frozenset[str] = frozenset()
    """Hosts as `name` or `name:port`, in lower case, which may also be private."""
    only: frozenset[str] = frozenset()
    """If not empty, the host must be in this set as well."""

    @classmethod
    def read(cls, text: str, only: str = "") -> Hosts:
        """Parse the setting `fetch_hosts`: names separated by commas, where `*` stands for all public hosts."""
        names = _names(text)
        return cls("*" in names, names - {"*"}, _names(only))

    def excludes(self, host: str, port: int) -> bool:
        """Whether `only` excludes this host."""
        return bool(self.only) and not _among(host, port, self.only)

    def names(self, host: str, port: int) -> bool:
        """Whether the setting names this host, so that it may be private."""
        return _among(host, port, self.named)


PUBLIC = Hosts()
"""All public hosts, and no others."""


def hosts_of_replica(only: str = "") -> Hosts:
    """The hosts that a replica may fetch from: those in its environment variable, else every public host."""
    return Hosts.read(os.environ.get(HOSTS_VARIABLE, "*"), only)


def _names(text: str) -> frozenset[str]:
    return frozenset(name for each in text.split(",") if (name := each.strip().lower()))


def _among(host: str, port: int, names: frozenset[str]) -> bool:
    bare = host.lower().rstrip(".")
    excerpt = f"[{bare}]" if ":" in bare else bare
    return bool({bare, excerpt, f"{excerpt}:{port}"} & names)


@dataclass(frozen=True, slots=True)
class FetchTarget:
    """A URL, parsed."""

    url: str
    scheme: str
    host: str
    """In ASCII, without brackets."""
    port: int
    path: str
    """Path with query, percent-encoded."""

    @property
    def authority(self) -> str:
        """The value of the `Host` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == SCHEMES[self.scheme] else f"{host}:{self.port}"


async def look_up(host: str, port: int) -> list[str]:
    """The IP addresses of a host, by the system's resolver."""
    loop = asyncio.get_running_loop()
    entries = await loop.run_in_executor(_resolvers(), lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    return list(dict.fromkeys(str(each[4][0]) for each in entries))


async def fetch(
    url: str,
    *,
    hosts: Hosts = PUBLIC,
    max_bytes: int = MOST_BYTES,
    seconds: float = SECONDS,
    accept: Sequence[str] = (),
    resolve: Resolve = look_up,
) -> Fetched:
    """Fetch the file at a URL: at most `max_bytes` after decompression, within `seconds` in total.

    `accept` lists prefixes of the accepted content types; empty means all. Raises `AddressRefused` for a URL that is refused by
    itself, and `FetchFailed` for everything else. The latter's message is always the same, so that it does not reveal whether a
    name exists, a port is open or a host answers; the cause is logged. Proxies of the environment are not used, because
    they would resolve the name again. Cancelling the task closes the connection.
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
    """Parse a URL and drop its fragment. Raises `AddressRefused` for one that is refused whatever its host resolves to."""
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
    """A host name in ASCII, as DNS uses it. Raises `ValueError` (`UnicodeError` is one) for an invalid name."""
    if ":" in host:  # an IPv6 address, which urlsplit has checked except for its zone
        if "%" in host:
            raise ValueError("its host is no name")
        return host
    plain = host if host.isascii() else host.encode("idna").decode("ascii")
    if plain and not _HOST.fullmatch(plain):
        raise ValueError("its host is no name")
    return plain


def excerpt(url: str) -> str:
    """A URL shortened for a message; a `data:` URL may have millions of characters."""
    return url if len(url) <= LONGEST_EXCERPT else f"{url[:LONGEST_EXCERPT]}…"


def _conditions(max_bytes: int, seconds: float, accept: Sequence[str]) -> str:
    kinds = f", of type {' or '.join(accept)}" if accept else ""
    return (
        f"it must be at a public host, or one that MODELYARD_FETCH_HOSTS names, answer with status 200 within {seconds:g} s, "
        f"and have at most {max_bytes} bytes{kinds}"
    )


class _Failed(Exception):
    """The cause of a failed fetch, for the log only."""


@dataclass(frozen=True, slots=True)
class _Visit:
    """One fetch with its limits."""

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
                return Fetched(target.url, answer.content_type, bytes(answer.body), answer.charset, answer.filename)
            try:
                target = parse(urljoin(target.url, where), self.hosts)
            except AddressRefused as error:  # do not reveal to the caller where the host redirects to
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
        """The IP addresses that may be connected to. Raises `_Failed` if one of the host's addresses is not allowed."""
        places = list(await self.resolve(target.host, target.port))
        if not self.hosts.names(target.host, target.port):
            for place in places:
                if not is_public(place) or is_own(place):
                    raise _Failed(f"its host is at {place}, which is not public")
        return places

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
    """The context of `fresh_tls`, which takes 30 ms to create, once for this process."""
    return fresh_tls()


def fresh_tls() -> ssl.SSLContext:
    """A TLS context that verifies certificates by the system's authorities, and by certifi's if it is installed."""
    context = ssl.create_default_context()
    with contextlib.suppress(ImportError):
        import certifi

        context.load_verify_locations(certifi.where())
    return context
