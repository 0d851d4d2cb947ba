"""The address of a client's server, and the conversion of a `Request` to HTTP and of a response to an answer or error."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
import msgspec

from modelyard import __version__
from modelyard.client.request import Request
from modelyard.core.errors import (
    CertificateRefused,
    ConnectionLost,
    InvalidParameter,
    ModelyardError,
    ServerUnreachable,
)
from modelyard.core.wording import reason
from modelyard.protocol import errors

T = TypeVar("T")

DEFAULT_ENDPOINT = "http://127.0.0.1:9997"
DEFAULT_TIMEOUT = 1800.0
"""Seconds of silence. The server has its own, shorter limits, whose error messages are more precise."""
CONNECT_TIMEOUT = 5.0
SILENCE_SECONDS = 60.0
"""Of a stream that is joined again: the server sends a comment every 15 seconds, so the connection is dead by then."""
LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class ServerTarget:
    """The server that a client talks to."""

    url: str
    api_key: str | None
    timeout: float | None

    @classmethod
    def find(cls, base_url: str | None, api_key: str | None, timeout: float | None) -> ServerTarget:
        """The given address and key, else those in `MODELYARD_ENDPOINT` and `MODELYARD_API_KEY`, else this machine."""
        url = (base_url or os.environ.get("MODELYARD_ENDPOINT") or DEFAULT_ENDPOINT).strip().rstrip("/")
        if "://" not in url:
            url = f"http://{url}"
        url = url.removesuffix("/v1")
        try:
            httpx.URL(url)
        except httpx.InvalidURL as error:
            raise InvalidParameter("base_url", f"'{url}' is no address: {error}") from None
        key = api_key or os.environ.get("MODELYARD_API_KEY") or None
        if key is not None and not (key.isascii() and key.isprintable()):
            raise InvalidParameter("api_key", "a key consists of printable ASCII characters")
        return cls(url, key, timeout)

    def http_options(self) -> dict[str, Any]:
        """Arguments of both `httpx.Client` and `httpx.AsyncClient`."""
        headers = {"user-agent": f"modelyard-client/{__version__}"}
        if self.api_key:
            headers["authorization"] = f"Bearer {self.api_key}"
        return {
            "base_url": self.url,
            "headers": headers,
            "timeout": httpx.Timeout(self.timeout, connect=CONNECT_TIMEOUT),
            # Servers close idle connections after 5 s; closing earlier avoids writing to one that is being closed.
            "limits": httpx.Limits(max_connections=None, keepalive_expiry=4.0),
            # Loading the certificate bundle takes 30 ms, and plain connections do not need it.
            "verify": _tls() if self.url.startswith("https:") else False,
            # A proxy from the environment cannot reach this machine's loopback.
            "trust_env": urlsplit(self.url).hostname not in LOOPBACK,
        }

    def http_request(self, request: Request[Any]) -> dict[str, Any]:
        """Arguments of `build_request` of both httpx clients."""
        options: dict[str, Any] = {"method": request.method, "url": request.path, "params": dict(request.query) or None}
        if request.body is not None:
            options["content"] = msgspec.json.encode(request.body)
            options["headers"] = {"content-type": "application/json"}
        if request.form is not None:
            options |= {"data": dict(request.form), "files": list(request.files)}
        if request.key is not None:
            options.setdefault("headers", {})["authorization"] = f"Bearer {request.key}"
        if request.rejoin is not None:
            options["timeout"] = httpx.Timeout(SILENCE_SECONDS, connect=CONNECT_TIMEOUT)
        if request.patient:
            options["timeout"] = httpx.Timeout(None, connect=CONNECT_TIMEOUT)
        return options

    def read(self, request: Request[T], response: httpx.Response) -> T:
        """The answer in a response whose body was read. Raises the server's error."""
        self.check(response)
        if request.raw:
            return request.read(response.content)
        try:
            return request.read(msgspec.json.decode(response.content or b"null"))
        except (msgspec.DecodeError, LookupError, TypeError, ValueError) as error:
            raise ConnectionLost(
                self.url, f"{request.method} {request.path} was answered with something else; is it a Modelyard server?"
            ) from error

    def check(self, response: httpx.Response) -> None:
        """Raise the server's error if the response is one; its body must have been read."""
        if not response.is_success:
            raise errors.read(response.status_code, _body(response), response.headers.get("retry-after"))

    def failure(self, error: httpx.RequestError) -> ModelyardError:
        """Convert a transport error to one of ours, without the long traceback of httpx."""
        if isinstance(error, httpx.ConnectTimeout):
            return ServerUnreachable(self.url, f"not connected within {CONNECT_TIMEOUT:g} s")
        if isinstance(error, httpx.ConnectError) and (refusal := _certificate_problem(error)):
            return CertificateRefused(self.url, refusal)
        if isinstance(error, httpx.ConnectError):
            if "WRONG_VERSION_NUMBER" in str(error) or "HTTP_REQUEST" in str(error):
                return ServerUnreachable(self.url, "it does not speak TLS, so its address begins with http://")
            refused = "refused" in str(error) or "All connection attempts failed" in str(error)
            return ServerUnreachable(self.url, "" if refused else reason(error))
        if isinstance(error, httpx.UnsupportedProtocol):
            return ServerUnreachable(self.url, "an address begins with http:// or https://")
        if isinstance(error, httpx.TimeoutException):
            return ConnectionLost(self.url, f"silence for {self.timeout:g} s")
        silent = isinstance(error, httpx.RemoteProtocolError) and "without sending" in str(error)
        cure = "; if it speaks TLS, its address begins with https://" if silent and self.url.startswith("http:") else ""
        return ConnectionLost(self.url, f"{reason(error)}{cure}")


def _tls() -> ssl.SSLContext:
    """What certificates are trusted: the system's authorities and certifi's, and with `SSL_CERT_FILE` those in that file."""
    from modelyard.core.fetching import fresh_tls  # only clients of servers with TLS need it

    return fresh_tls()


def _certificate_problem(error: BaseException) -> str:
    """Why a server's certificate was refused, for the middle of a sentence; empty if an error has another cause."""
    found: BaseException | None = error
    while found is not None and not isinstance(found, ssl.SSLCertVerificationError):
        found = found.__cause__ or found.__context__
    return found.verify_message.rstrip(".") if found is not None else ""


def _body(response: httpx.Response) -> object:
    try:
        return msgspec.json.decode(response.content)
    except msgspec.DecodeError:
        return response.text
