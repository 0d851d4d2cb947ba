"""Records who makes which change: launches, deletions, new keys. The routes say themselves whether they change something."""

from __future__ import annotations

import time

import msgspec

from modelyard.api.paths import REQUEST_ID, match_of
from modelyard.control.keys import KeyStore
from modelyard.core.access import Access, Grant
from modelyard.core.asgi import App, Message, Receive, Scope, Send
from modelyard.core.errors import InvalidKey
from modelyard.monitor.audit import AuditLog, Change

READ_BYTES = 64 * 1024
"""Bytes of a body in which the name of what is changed is looked for."""
NAMES = ("model_uid", "lora_name", "knowledge_base_name", "username", "name", "model_name", "kind")
"""Fields of bodies that name what is changed, the most specific first."""
UNKNOWN = frozenset({401, 404, 405})
"""Statuses that are not recorded: of callers without a valid key, and of what does not exist."""


class Audited:
    """Middleware that writes a row for each request of an audited route before its answer begins.

    So a change whose answer has arrived is always in the list. Refused attempts of known callers are, too.
    """

    def __init__(self, app: App, keys: KeyStore, audit: AuditLog) -> None:
        self._app = app
        self._keys = keys
        self._audit = audit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match = match_of(scope) if scope["type"] == "http" else None
        if match is None or not match.route.audited:
            await self._app(scope, receive, send)
            return
        at, body = time.time(), bytearray()

        async def reading() -> Message:
            message = await receive()
            if len(body) < READ_BYTES:
                body.extend(message.get("body", b""))
            return message

        async def recording(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] not in UNKNOWN:
                target = "/".join(match.params.values()) or _name_in(bytes(body))
                await self._audit.add(
                    Change(
                        at,
                        match.route.action,
                        target,
                        _grant(self._keys.access, scope),
                        scope["client"][0] if scope.get("client") else "",
                        message["status"],
                        scope["state"][REQUEST_ID].decode(),
                    )
                )
            await send(message)

        await self._app(scope, reading, recording)


def _grant(access: Access, scope: Scope) -> Grant | None:
    """The grant of a request, also of one that lacked a scope."""
    try:
        return scope["state"].get("grant") or access.admit(scope["headers"], time.time())
    except InvalidKey:  # revoked by this very request
        return None


def _name_in(body: bytes) -> str:
    """The name of what a JSON body changes; empty if it names nothing."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return ""
    if not isinstance(value, dict):
        return ""
    return next((found for name in NAMES if isinstance(found := value.get(name), str) and found), "")
