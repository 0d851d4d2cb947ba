"""Pictures fetched for whoever sends their addresses: from public hosts only, or from those that the launch names.

A name is looked up once, and the connection goes to the very address that was found to be public.
"""

from __future__ import annotations

import asyncio
import http.client
import socket
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from modelyard.core.addresses import is_public
from modelyard.core.errors import InvalidParameter

MOST_BYTES = 20 * 1024 * 1024
MOST_REDIRECTS = 3
SECONDS = 20.0
"""For one picture, redirects and all."""
AT_ONCE = 8
SHOWN = 120
"""Characters of an address in a sentence; a `data:` address may have millions."""

PORTS = {"http": 80, "https": 443}
REDIRECTS = (301, 302, 303, 307, 308)
HEADERS = {"User-Agent": "modelyard", "Accept": "image/*", "Accept-Encoding": "identity"}


class Fetcher:
    """Fetches pictures. One of each replica."""

    def __init__(self, hosts: str) -> None:
        """`hosts` is the launch option `allowed_media_hosts`."""
        self._hosts = frozenset(host.strip().lower() for host in hosts.split(",") if host.strip())
        self._threads = ThreadPoolExecutor(AT_ONCE, "fetching")

    async def fetch(self, url: str) -> bytes:
        """The picture at an address. Raises `InvalidParameter`."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self.fetch_now, url)

    def fetch_now(self, url: str) -> bytes:
        """As `fetch`, in the thread that calls."""
        until = time.monotonic() + SECONDS
        place = url
        for _ in range(MOST_REDIRECTS + 1):
            answer = self._ask(place, until)
            if isinstance(answer, bytes):
                return answer
            place = urljoin(place, answer)
        raise refused(url, f"it redirects more than {MOST_REDIRECTS} times")

    def _ask(self, url: str, until: float) -> bytes | str:
        """The file at an address, or where it is instead."""
        parts, port = split(url)
        host = str(parts.hostname)
        connection = Pinned(parts.scheme, host, port, self._look_up(url, host, port), until)
        path = quote(parts.path or "/", safe="/%:=&?~+!$,;'@()*[]") + (
            f"?{quote(parts.query, safe='/%:=&?~+!$,;@()*[]')}" if parts.query else ""
        )
        try:
            connection.request("GET", path, headers=HEADERS)
            answer = connection.getresponse()
            where = answer.headers.get("location")
            if answer.status in REDIRECTS and where:
                return where
            return body(url, answer, until)
        except (OSError, http.client.HTTPException, ValueError) as error:
            why = "it takes too long" if time.monotonic() >= until else f"{type(error).__name__}: {error}"
            raise refused(url, why) from error
        finally:
            connection.close()

    def _look_up(self, url: str, host: str, port: int) -> str:
        """The address to connect to."""
        named = bool({host.lower(), f"{host.lower()}:{port}"} & self._hosts)
        if self._hosts and not named:
            raise refused(url, "its host is not among allowed_media_hosts")
        try:
            found = [str(each[4][0]) for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
        except (OSError, ValueError) as error:
            raise refused(url, f"its host is not found: {error}") from error
        if not named and not all(map(is_public, found)):
            raise refused(
                url, "its host is not a public one; the launch option allowed_media_hosts can name private hosts"
            )
        return found[0]


class Pinned(http.client.HTTPConnection):
    """A connection to an address that was checked, for a host of whatever name; it breaks when its time is over."""

    def __init__(self, scheme: str, host: str, port: int, place: str, until: float) -> None:
        self.default_port = PORTS[scheme]
        super().__init__(host, port, timeout=max(0.001, until - time.monotonic()))
        self._scheme = scheme
        self._place = place
        self._alarm: threading.Timer | None = None
        self._twin: socket.socket | None = None
        """The same connection, so that the alarm can end it under TLS too."""
        self._until = until

    def connect(self) -> None:
        plain = socket.create_connection((self._place, self.port), self.timeout)
        self.sock = plain
        self._twin = plain.dup()
        self._alarm = threading.Timer(max(0.001, self._until - time.monotonic()), _break_off, (self._twin,))
        self._alarm.daemon = True
        self._alarm.start()
        if self._scheme == "https":
            self.sock = ssl.create_default_context().wrap_socket(plain, server_hostname=self.host)

    def close(self) -> None:
        if self._alarm is not None and self._twin is not None:
            self._alarm.cancel()
            self._twin.close()
        super().close()


def _break_off(connected: socket.socket) -> None:
    """Whoever reads from it finds its end; a server that drips bytes resets the timeout of each read."""
    try:
        connected.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it was over already


def split(url: str) -> tuple[SplitResult, int]:
    """The pieces of an address and its port. Raises `InvalidParameter` for all but plain addresses of the web."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise refused(url, str(error)) from error
    if parts.scheme not in PORTS:
        raise refused(url, "pictures are taken from http, https and data addresses")
    if not parts.hostname or parts.username is not None or parts.password is not None:
        raise refused(url, "it must have a host, and no user name")
    return parts, port or PORTS[parts.scheme]


def body(url: str, answer: http.client.HTTPResponse, until: float) -> bytes:
    """The file of an answer. Raises `InvalidParameter` as soon as it is too long."""
    if answer.status != 200:
        raise refused(url, f"its host answers {answer.status}")
    kind = answer.headers.get_content_type()
    if not kind.startswith("image/"):
        raise refused(url, f"it is '{kind}', not a picture")
    read = bytearray()
    while part := answer.read1(1 << 16):
        read += part
        if len(read) > MOST_BYTES:
            raise refused(url, f"it has more than {MOST_BYTES} bytes")
    if time.monotonic() >= until:
        raise refused(url, "it takes too long")
    return bytes(read)


def refused(url: str, why: str) -> InvalidParameter:
    return InvalidParameter("messages", f"the picture at '{shown(url)}' is not fetched: {why}.")


def shown(url: str) -> str:
    """An address for people."""
    return url if len(url) <= SHOWN else f"{url[:SHOWN]}…"
