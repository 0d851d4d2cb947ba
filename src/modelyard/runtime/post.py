"""POST requests with JSON to a replica that are not inference, such as to load an adapter. Standard library only."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
from collections.abc import Mapping, Sequence
from typing import Any

from modelyard.core.types import Address


class _Connection(http.client.HTTPConnection):
    """A connection to a Unix socket, or to host and port."""

    def __init__(self, address: Address, timeout: float) -> None:
        super().__init__(address.host, address.port or None, timeout=timeout)
        self._uds = address.uds

    def connect(self) -> None:
        if self._uds is None:
            super().connect()
            return
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._uds)


async def post(
    address: Address, path: str, body: Mapping[str, Any], headers: Sequence[tuple[bytes, bytes]], timeout: float
) -> tuple[int, str]:
    """Status and text of the answer. Raises `OSError` if there is none within `timeout` seconds."""
    return await asyncio.to_thread(_post, address, path, body, headers, timeout)


def _post(
    address: Address, path: str, body: Mapping[str, Any], headers: Sequence[tuple[bytes, bytes]], timeout: float
) -> tuple[int, str]:
    connection = _Connection(address, timeout)
    fields = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}
    try:
        connection.request("POST", path, json.dumps(body), {**fields, "content-type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode("utf-8", "replace")
    except http.client.HTTPException as error:
        raise OSError(f"it answered something that is not HTTP ({type(error).__name__})") from error
    finally:
        connection.close()
