"""Rewrites a request for its replica, if that is necessary. Otherwise the bytes are forwarded unchanged. Pure."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET

from modelyard.core.types import Address, Route
from modelyard.gateway.model_call import ModelCall
from modelyard.gateway.parameters import rewrites
from modelyard.protocol.requests import with_changes

THINKING_KEYS = ("enable_thinking", "thinking")
"""Names of the thinking switch in chat templates; both are set if the route does not name the template's."""


def adapt_body(call: ModelCall, route: Route, task: str = "") -> bytes:
    """Return the body for the replica: the client's bytes object itself, unless a rewrite applies.

    `enable_thinking` moves into `chat_template_kwargs`, under the template's name for it; `model` becomes
    `route.upstream_name`; and the engine's rules for the task rename and convert parameters. Other values keep their bytes.
    """
    switches = thinking_kwargs(call, route)
    rename = route.upstream_name is not None and route.upstream_name != call.model
    changes = rewrites(route, task, call)
    if switches is None and not rename and not changes:
        return call.body
    if call.place is not None:
        name = str(route.upstream_name).encode()
        return call.body[: call.place.start] + name + call.body[call.place.end :]
    if switches is not None:
        changes["enable_thinking"] = UNSET
        changes["chat_template_kwargs"] = switches | changes.get("chat_template_kwargs", {})
    if rename:
        changes["model"] = route.upstream_name
    return with_changes(call.body, changes)


def thinking_kwargs(call: ModelCall, route: Route) -> dict[str, Any] | None:
    """Return the request's `chat_template_kwargs` with the thinking switch; None if they can stay unchanged.

    A switch in the client's `chat_template_kwargs`, under either name, takes precedence over `enable_thinking`.
    """
    thinking = getattr(call.request, "enable_thinking", UNSET)
    arguments: dict[str, Any] = getattr(call.request, "chat_template_kwargs", None) or {}
    switches = [arguments[name] for name in THINKING_KEYS if name in arguments]
    misnamed = route.thinking_key is not None and switches and route.thinking_key not in arguments
    if not isinstance(thinking, bool) and not misnamed:
        return None
    keys = (route.thinking_key,) if route.thinking_key else THINKING_KEYS
    return dict.fromkeys(keys, switches[0] if switches else thinking) | arguments


def adapt_target(path: str, query: bytes, address: Address) -> bytes:
    """The request target at the replica: `address.prefix` in place of `/v1`."""
    target = path.encode()
    if address.prefix != "/v1":
        target = (address.prefix.rstrip("/") + path.removeprefix("/v1")).encode()
    return target + b"?" + query if query else target
