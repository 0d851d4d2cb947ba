"""The few rewrites of a request that users need; everything else goes to the replica byte for byte. Pure."""

from __future__ import annotations

import msgspec
from msgspec import UNSET

from modelyard.core.types import Address, Route
from modelyard.gateway.peek import Peeked

THINKING_KEYS = ("enable_thinking", "thinking")
"""What chat templates call the switch; both are set when the route does not say which."""


def adapt_body(peeked: Peeked, route: Route) -> bytes:
    """The body for the replica: the same object, unless a rewrite applies.

    `enable_thinking` moves into `chat_template_kwargs`, where what the client set itself wins; `model` becomes
    `route.upstream_name`. All other values keep their bytes.
    """
    thinking = getattr(peeked.request, "enable_thinking", UNSET)
    rename = route.upstream_name is not None and route.upstream_name != peeked.model
    if not isinstance(thinking, bool) and not rename:
        return peeked.body
    fields = msgspec.json.decode(peeked.body, type=dict[str, msgspec.Raw])
    if isinstance(thinking, bool):
        del fields["enable_thinking"]
        keys = (route.thinking_key,) if route.thinking_key else THINKING_KEYS
        given = getattr(peeked.request, "chat_template_kwargs", None) or {}
        fields["chat_template_kwargs"] = msgspec.Raw(msgspec.json.encode(dict.fromkeys(keys, thinking) | given))
    if rename:
        fields["model"] = msgspec.Raw(msgspec.json.encode(route.upstream_name))
    return msgspec.json.encode(fields)


def adapt_target(path: str, query: bytes, address: Address) -> bytes:
    """The request target at the replica: `address.prefix` in place of `/v1`."""
    target = path.encode()
    if address.prefix != "/v1":
        target = (address.prefix.rstrip("/") + path.removeprefix("/v1")).encode()
    return target + b"?" + query if query else target
