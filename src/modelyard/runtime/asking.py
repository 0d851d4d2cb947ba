"""One request to a replica that is not an inference request: a JSON body there, a status and a text back."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
from collections.abc import Mapping, Sequence
from typing import Any

from modelyard.core.types import Address


class _Connection(http.client.HTTPConnection):
    """To a Unix socket, or to host and port."""

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


async def ask(
    address: Address, path: str, body: Mapping[str, Any], headers: Sequence[tuple[bytes, bytes]], timeout: float
) -> tuple[int, str]:
    """Status and text of the answer to a POST. Raises `OSError` when there is none within `timeout` seconds."""
    return await asyncio.to_thread(_ask, address, path, body, headers, timeout)


def _ask(
    address: Address, path: str, body: Mapping[str, Any], headers: Sequence[tuple[bytes, bytes]], timeout: float
) -> tuple[int, str]:
    connection = _Connection(address, timeout)
    sent = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}
    try:
        connection.request("POST", path, json.dumps(body), {**sent, "content-type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode("utf-8", "replace")
    except http.client.HTTPException as error:
        raise OSError(f"it answered something that is not HTTP ({type(error).__name__})") from error
    finally:
        connection.close()
