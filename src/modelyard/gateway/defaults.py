"""Adds a model's defaults to requests that lack them: sampling parameters, a system message, example messages. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from modelyard.core.types import Preset, RequestDefaults, Route, RouteTable, Task
from modelyard.gateway.model_call import ModelCall, json_call
from modelyard.gateway.paths import InferencePath
from modelyard.protocol.requests import with_changes

SYSTEM = ("system", "developer")
"""Roles of a first message that suppress the default system message."""
TWINS: Mapping[str, str] = {"max_tokens": "max_completion_tokens"}
"""Parameter → its other name in requests."""


def with_presets(table: RouteTable, presets: Sequence[Preset]) -> RouteTable:
    """Adds routes for the presets whose model has a route; each is that route with the defaults of the preset."""
    routes = {
        preset.name: replace(table.routes[preset.uid], defaults=preset.defaults)
        for preset in presets
        if preset.uid in table.routes and preset.name not in table.routes
    }
    return RouteTable({**routes, **table.routes}, table.version) if routes else table


def with_defaults(call: ModelCall, route: Route, path: InferencePath) -> ModelCall:
    """The request with the defaults that it lacks; the same object if the model has none."""
    if route.defaults is None or path.task not in (Task.CHAT, Task.COMPLETION, Task.TOKENIZATION):
        return call
    fields = msgspec.json.decode(call.body, type=dict[str, msgspec.Raw])
    parameters = {} if path.task is Task.TOKENIZATION else route.defaults.parameters
    changes = {
        name: value
        for name, value in parameters.items()
        if not _has(fields, name) and not _has(fields, TWINS.get(name, name))
    }
    if _has(fields, "messages") and (route.defaults.system or route.defaults.messages):
        changes["messages"] = with_messages(msgspec.json.decode(fields["messages"]), route.defaults)
    return json_call(path, with_changes(call.body, changes)) if changes else call


def with_messages(messages: list[dict[str, Any]], defaults: RequestDefaults) -> list[dict[str, Any]]:
    """The messages of a chat with the default system message, if they begin with none, and with the examples behind it."""
    count = next((index for index, message in enumerate(messages) if message.get("role") not in SYSTEM), len(messages))
    head = messages[:count]
    if defaults.system and not head:
        head = [{"role": "system", "content": defaults.system}]
    return [*head, *map(dict, defaults.messages), *messages[count:]]


def _has(fields: Mapping[str, msgspec.Raw], name: str) -> bool:
    return name in fields and bytes(fields[name]) != b"null"
