"""`Client` and `AsyncClient`: a connection to a server, with the calls of `nouns.py` and their flat names."""

from __future__ import annotations

import httpx

from modelyard.client.connection import AsyncConnection, SyncConnection
from modelyard.client.flat import FlatNames
from modelyard.client.nouns import Nouns
from modelyard.client.target import DEFAULT_TIMEOUT, ServerTarget
from modelyard.client.xinference import XinferenceNames


class Client(SyncConnection, Nouns[SyncConnection], XinferenceNames[SyncConnection], FlatNames[SyncConnection]):
    """A connection to a Modelyard server. Close it, or use it in a `with` block.

    `base_url` is taken from `MODELYARD_ENDPOINT`, `api_key` from `MODELYARD_API_KEY` when left out; `timeout` is in
    seconds of silence. An error of the server is raised as the class of `modelyard.core.errors` that it raised itself.
    """

    def __init__(
        self, base_url: str | None = None, api_key: str | None = None, timeout: float | None = DEFAULT_TIMEOUT
    ) -> None:
        target = ServerTarget.find(base_url, api_key, timeout)
        SyncConnection.__init__(self, target, httpx.Client(**target.http_options()))

    @property
    def _sender(self) -> SyncConnection:
        return self


class AsyncClient(
    AsyncConnection, Nouns[AsyncConnection], XinferenceNames[AsyncConnection], FlatNames[AsyncConnection]
):
    """`Client` for programs with an event loop: the same calls, awaited.

    `uds` is the Unix socket of a server that listens on one.
    """

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        timeout: float | None = DEFAULT_TIMEOUT,
        uds: str | None = None,
    ) -> None:
        target = ServerTarget.find(base_url, api_key, timeout)
        options = target.http_options()
        if uds is not None:
            options["transport"] = httpx.AsyncHTTPTransport(uds=uds, limits=options.pop("limits"))
        AsyncConnection.__init__(self, target, httpx.AsyncClient(**options))

    @property
    def _sender(self) -> AsyncConnection:
        return self
