"""Pages fetched from addresses that people and models give: from public hosts only.

A name is looked up once, all its addresses must be public, and the connection goes to one of those that were checked.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import cache

import httpx

from modelyard.core.addresses import is_public
from modelyard.core.errors import AddressRefused, FetchFailed

MOST_BYTES = 10 * 1024 * 1024
MOST_REDIRECTS = 5
MOST_ADDRESSES = 4
"""Of one host, tried one after the other."""
SECONDS = 20.0
"""For one fetch, redirects and all."""

PORTS = {"http": 80, "https": 443}
HEADERS = {"User-Agent": "Mozilla/5.0 (compatible; modelyard)", "Accept": "*/*", "Accept-Encoding": "gzip, deflate"}
ENCODINGS = ("", "identity", "gzip", "x-gzip", "deflate")

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


async def look_up(host: str, port: int) -> list[str]:
    """The IP addresses of a host, as the system finds them."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


async def fetch(
    url: str,
    *,
    allow_private: bool = False,
    max_bytes: int = MOST_BYTES,
    timeout: float = SECONDS,
    accept: Sequence[str] = (),
    resolve: Resolve = look_up,
) -> Fetched:
    """The file at an address, at most `max_bytes` of it after decompression, within `timeout` seconds.

    `accept` has the beginnings of the content types that are wanted; empty means all. Raises `AddressRefused` for what
    is not of the web or not public (unless `allow_private`), and `FetchFailed` for all else. Proxies are not used: they
    would look the name up again.
    """
    visit = _Visit(allow_private, max_bytes, timeout, tuple(accept), resolve)
    try:
        async with asyncio.timeout(timeout):
            return await visit.follow(url)
    except TimeoutError as error:
        raise FetchFailed(url, f"it takes longer than {timeout:g} s") from error


@dataclass(frozen=True, slots=True)
class _Visit:
    """One fetch, and what it may do."""

    allow_private: bool
    max_bytes: int
    timeout: float
    accept: tuple[str, ...]
    resolve: Resolve

    async def follow(self, given: str) -> Fetched:
        url = parse(given)
        for _ in range(MOST_REDIRECTS + 1):
            answer = await self._ask(url)
            if isinstance(answer, Fetched):
                return answer
            url = answer
        raise FetchFailed(given, f"it redirects more than {MOST_REDIRECTS} times")

    async def _ask(self, url: httpx.URL) -> Fetched | httpx.URL:
        """The file, or where it is instead."""
        failure: httpx.HTTPError | None = None
        for place in (await self._places(url))[:MOST_ADDRESSES]:
            try:
                return await self._get(url, place)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                failure = error
            except httpx.HTTPError as error:
                raise FetchFailed(str(url), _words(error)) from error
        raise FetchFailed(str(url), _words(failure) if failure else "its host has no address") from failure

    async def _places(self, url: httpx.URL) -> list[str]:
        """The addresses that may be connected to."""
        host = url.raw_host.decode("ascii")
        try:
            found = list(await self.resolve(host, url.port or PORTS[url.scheme]))
            public = all(map(is_public, found))
        except (OSError, ValueError) as error:
            raise FetchFailed(str(url), f"its host is not found: {error}") from error
        if not public and not self.allow_private:
            raise AddressRefused(str(url), "its host is not a public one")
        return found

    async def _get(self, url: httpx.URL, place: str) -> Fetched | httpx.URL:
        # The URL has the checked IP address; the host's name goes into `Host` and into the TLS handshake, so that its
        # certificate is verified. A client of its own for each hop: a pool would take two hosts at one IP for one.
        host = url.raw_host.decode("ascii")
        async with (
            httpx.AsyncClient(verify=tls(), trust_env=False, timeout=self.timeout) as client,
            client.stream(
                "GET",
                url.copy_with(host=place),
                headers={**HEADERS, "Host": url.netloc.decode("ascii")},
                extensions={"sni_hostname": host},
            ) as response,
        ):
            where = response.headers.get("location")
            if 300 <= response.status_code < 400 and where:
                return parse(where, url)
            kind, charset = self._check(url, response)
            return Fetched(str(url), kind, await self._read(url, response), charset)

    def _check(self, url: httpx.URL, response: httpx.Response) -> tuple[str, str]:
        """The content type and charset of an answer that is worth reading."""
        if response.status_code != 200:
            raise FetchFailed(str(url), f"its host answers {response.status_code}")
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower() or "application/octet-stream"
        if self.accept and not kind.startswith(self.accept):
            raise FetchFailed(str(url), f"it is '{kind}', not {' or '.join(self.accept)}")
        length = response.headers.get("content-length", "")
        if length.isdigit() and int(length[:20]) > self.max_bytes:
            raise FetchFailed(str(url), f"it has more than {self.max_bytes} bytes")
        return kind, response.charset_encoding or ""

    async def _read(self, url: httpx.URL, response: httpx.Response) -> bytes:
        read = bytearray()
        async for part in _decoded(url, response, self.max_bytes + 1):
            read += part
            if len(read) > self.max_bytes:
                raise FetchFailed(str(url), f"it has more than {self.max_bytes} bytes")
        return bytes(read)


async def _decoded(url: httpx.URL, response: httpx.Response, most: int) -> AsyncIterator[bytes]:
    """The parts of a body, each at most `most` bytes however well it was compressed."""
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding not in ENCODINGS:
        raise FetchFailed(str(url), f"it is compressed with '{encoding}', which was not asked for")
    if encoding in ("", "identity"):
        async for part in response.aiter_raw():
            yield part
        return
    decoder = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # gzip or zlib, whichever it is
    try:
        async for part in response.aiter_raw():
            yield decoder.decompress(part, most)
    except zlib.error as error:
        raise FetchFailed(str(url), f"it is not the {encoding} that its host says: {error}") from error
    if not decoder.eof:
        raise FetchFailed(str(url), "it breaks off")


def parse(url: str, base: httpx.URL | None = None) -> httpx.URL:
    """A plain address of the web, without its fragment. Raises `AddressRefused` for all else."""
    try:
        parts = base.join(url) if base is not None else httpx.URL(url.strip())
    except httpx.InvalidURL as error:
        raise AddressRefused(url, str(error).rstrip(".")) from error
    if parts.scheme not in PORTS:
        raise AddressRefused(url, "only http and https addresses are")
    if not parts.raw_host or parts.userinfo:
        raise AddressRefused(url, "it must have a host, and no user name")
    if parts.port is not None and not 0 < parts.port < 65536:
        raise AddressRefused(url, "there is no such port")
    return parts.copy_with(fragment=None)


def _words(error: httpx.HTTPError) -> str:
    return f"{type(error).__name__}: {error}".rstrip(": .")


@cache
def tls() -> ssl.SSLContext:
    """How certificates are verified; made once, because that reads files."""
    return httpx.create_ssl_context()
