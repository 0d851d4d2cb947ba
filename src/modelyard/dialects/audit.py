"""Records changes that callers make, or try to make, at the paths of other systems."""

from __future__ import annotations

import time

import msgspec

from modelyard.core.asgi import App, Message, Receive, Scope, Send, replay
from modelyard.core.errors import ModelyardError
from modelyard.gateway.apps import caller_of
from modelyard.monitor.audit import AuditLog, Change

UNKNOWN = frozenset({401, 404, 405})
"""Statuses that are not recorded: of callers without a valid key, and of what does not exist."""


class AuditedApp:
    """An app whose requests each write a row before their answer begins. Those that fail are recorded with their status."""

    def __init__(self, app: App, action: str, audit: AuditLog) -> None:
        self._app = app
        self._action = action
        self._audit = audit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        at, body = time.time(), (await receive())["body"]
        begun = False

        async def record(status: int) -> None:
            if status in UNKNOWN:
                return
            caller = caller_of(scope)
            address = scope["client"][0] if scope.get("client") else ""
            identity = caller.request_id.decode("latin-1")
            await self._audit.add(Change(at, self._action, _model_in(body), caller.grant, address, status, identity))

        async def recording(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                await record(message["status"])
            await send(message)

        try:
            await self._app(scope, replay(body), recording)
        except ModelyardError as error:
            if not begun:
                await record(error.status)
            raise


def _model_in(body: bytes) -> str:
    """The model that a body names; empty for none."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return ""
    names = [value.get(field) for field in ("model", "name", "destination")] if isinstance(value, dict) else []
    found = next((name for name in names if name), None)
    return found if isinstance(found, str) else ""
