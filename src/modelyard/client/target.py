"""How every request of the client is described, sent to whom, and how its answer is read. Opens no connection itself.

A `Request` is plain data made by the functions in `resources/`; the sync and the async client only differ in who sends it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from urllib.parse import quote, urlsplit

import httpx
import msgspec

from modelyard import __version__
from modelyard.core.errors import ConnectionLost, InvalidParameter, ModelyardError, ServerUnreachable
from modelyard.core.wording import reason
from modelyard.protocol import errors

T = TypeVar("T")

FilePart = tuple[str, tuple[str, bytes, str]]
"""A file in a form: the field, and name, content and type of the file."""

DEFAULT_ENDPOINT = "http://127.0.0.1:9997"
DEFAULT_TIMEOUT = 1800.0
"""Seconds of silence: the server has its own, shorter limits, and its sentence is better than ours."""
CONNECT_TIMEOUT = 5.0
LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Request(Generic[T]):
    """One call: what to send, and how its decoded JSON answer becomes what the caller gets."""

    method: str
    path: str
    read: Callable[[Any], T]
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    form: Mapping[str, str | list[str]] | None = None
    """Fields of a form, in place of `body`."""
    files: Sequence[FilePart] = ()
    """Files of that form."""
    raw: bool = False
    """The answer is bytes, and no JSON."""
    patient: bool = False
    """Wait for the answer for ever: launching may download for hours."""
    key: str | None = field(default=None, repr=False)
    """A key in place of the client's own, for this request alone."""


@dataclass(frozen=True, slots=True)
class Target:
    """The server a client talks to."""

    url: str
    api_key: str | None
    timeout: float | None

    @classmethod
    def find(cls, base_url: str | None, api_key: str | None, timeout: float | None) -> Target:
        """The address and key as given, else of `MODELYARD_ENDPOINT` and `MODELYARD_API_KEY`, else on this machine."""
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
            raise InvalidParameter("api_key", "a key is made of printable ASCII characters")
        return cls(url, key, timeout)

    def http_options(self) -> dict[str, Any]:
        """Arguments of `httpx.Client` and `httpx.AsyncClient` alike."""
        headers = {"user-agent": f"modelyard-client/{__version__}"}
        if self.api_key:
            headers["authorization"] = f"Bearer {self.api_key}"
        return {
            "base_url": self.url,
            "headers": headers,
            "timeout": httpx.Timeout(self.timeout, connect=CONNECT_TIMEOUT),
            # Servers close idle connections after 5 s; leaving first avoids writing into one that is just closing.
            "limits": httpx.Limits(max_connections=None, keepalive_expiry=4.0),
            # Reading the certificate bundle costs 30 ms, and a plain connection has no use for it.
            "verify": self.url.startswith("https:"),
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
        if request.patient:
            options["timeout"] = httpx.Timeout(None, connect=CONNECT_TIMEOUT)
        return options

    def read(self, request: Request[T], response: httpx.Response) -> T:
        """The answer of a response whose body was read, or the server's error raised again."""
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
        """A failure of the transport as an error of ours; fifty lines of httpx below it would tell nothing more."""
        if isinstance(error, httpx.ConnectTimeout):
            return ServerUnreachable(self.url, f"not connected within {CONNECT_TIMEOUT:g} s")
        if isinstance(error, httpx.ConnectError):
            refused = "refused" in str(error) or "All connection attempts failed" in str(error)
            return ServerUnreachable(self.url, "" if refused else reason(error))
        if isinstance(error, httpx.UnsupportedProtocol):
            return ServerUnreachable(self.url, "an address begins with http:// or https://")
        if isinstance(error, httpx.TimeoutException):
            return ConnectionLost(self.url, f"silence for {self.timeout:g} s")
        return ConnectionLost(self.url, reason(error))


def at(*parts: str | int) -> str:
    """A path below `/v1` of which each part is quoted."""
    return "/v1/" + "/".join(quote(str(part), safe="") for part in parts)


def given(**fields: Any) -> dict[str, Any]:
    """The fields that are not None: what was not asked for is not sent."""
    return {name: value for name, value in fields.items() if value is not None}


def an_object(answer: Any) -> Any:
    """The answer, if it is a JSON object."""
    if not isinstance(answer, dict):
        raise TypeError("not an object")
    return answer


def a_list(answer: Any) -> Any:
    """The answer, if it is a JSON array."""
    if not isinstance(answer, list):
        raise TypeError("not a list")
    return answer


def anything(answer: Any) -> Any:
    """The answer, whatever it is: null where there is nothing to say."""
    return answer


def _body(response: httpx.Response) -> object:
    try:
        return msgspec.json.decode(response.content)
    except msgspec.DecodeError:
        return response.text
