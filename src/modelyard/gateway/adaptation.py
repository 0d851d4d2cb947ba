"""The few rewrites of a request that users need; everything else goes to the replica byte for byte. Pure."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET

from modelyard.core.types import Address, Route
from modelyard.gateway.model_call import Peeked
from modelyard.gateway.parameters import rewrites
from modelyard.protocol.requests import with_changes

THINKING_KEYS = ("enable_thinking", "thinking")
"""What chat templates call the switch; both are set when the route does not say which."""


def adapt_body(peeked: Peeked, route: Route, task: str = "") -> bytes:
    """The body for the replica: the same object, unless a rewrite applies.

    `enable_thinking` moves into `chat_template_kwargs`, under the name that the template has for it; `model` becomes
    `route.upstream_name`; and the engine's rules for the task rename and convert. All other values keep their bytes.
    """
    switches = thinking_kwargs(peeked, route)
    rename = route.upstream_name is not None and route.upstream_name != peeked.model
    found = rewrites(route, task, peeked)
    if switches is None and not rename and not found:
        return peeked.body
    if peeked.place is not None:
        name = str(route.upstream_name).encode()
        return peeked.body[: peeked.place.start] + name + peeked.body[peeked.place.end :]
    if switches is not None:
        found["enable_thinking"] = UNSET
        found["chat_template_kwargs"] = switches | found.get("chat_template_kwargs", {})
    if rename:
        found["model"] = route.upstream_name
    return with_changes(peeked.body, found)


def thinking_kwargs(peeked: Peeked, route: Route) -> dict[str, Any] | None:
    """The `chat_template_kwargs` that a request means; None when they can stay as they are.

    A switch among the client's own `chat_template_kwargs` wins over `enable_thinking`, and counts whatever its name.
    """
    thinking = getattr(peeked.request, "enable_thinking", UNSET)
    given: dict[str, Any] = getattr(peeked.request, "chat_template_kwargs", None) or {}
    said = [given[name] for name in THINKING_KEYS if name in given]
    misnamed = route.thinking_key is not None and said and route.thinking_key not in given
    if not isinstance(thinking, bool) and not misnamed:
        return None
    keys = (route.thinking_key,) if route.thinking_key else THINKING_KEYS
    return dict.fromkeys(keys, said[0] if said else thinking) | given


def adapt_target(path: str, query: bytes, address: Address) -> bytes:
    """The request target at the replica: `address.prefix` in place of `/v1`."""
    target = path.encode()
    if address.prefix != "/v1":
        target = (address.prefix.rstrip("/") + path.removeprefix("/v1")).encode()
    return target + b"?" + query if query else target
