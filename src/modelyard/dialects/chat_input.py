"""Chat completions with `input` in place of `messages`: Cursor sends the body of `/v1/responses` there, and reads chat chunks."""

from __future__ import annotations

from typing import Any

import msgspec

from modelyard.core.access import BASE
from modelyard.core.errors import UnsupportedParameter
from modelyard.core.types import Task
from modelyard.dialects.anthropic.request import Abilities
from modelyard.dialects.responses.request import own_items, read_items, translate
from modelyard.gateway.app import Gateway
from modelyard.protocol.requests import decode
from modelyard.protocol.responses import ResponseRequest

OF_CHATS = ("messages", "stream_options")
"""Fields of a chat that the body of a response has not, or with another meaning."""
STORED = ("previous_response_id", "conversation", "background")
NOTHING = (b"null", b"[]")


class ChatInput:
    """Translates such bodies to chat completions."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def mount(self) -> None:
        """Let the gateway use it."""
        self._gateway.chat_input = self.as_chat

    def as_chat(self, body: bytes) -> bytes | None:
        """The chat completion of a body with `input`; None for other bodies. Raises what is wrong with the request.

        The calls of tools are those of chats: a custom tool is a function with one text, `input`.
        """
        given = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        if "input" not in given or bytes(given.get("messages", b"null")) not in NOTHING:
            return None
        fields: dict[str, Any] = {name: value for name, value in given.items() if name not in OF_CHATS}
        if "tools" in fields:
            fields["tools"] = _flat(msgspec.json.decode(fields["tools"]))
        plain = msgspec.json.encode(fields)
        request = decode(plain, ResponseRequest)
        for name in STORED:
            if getattr(request, name):
                raise UnsupportedParameter(name, request.model, "chats are not stored; use /v1/responses")
        made = translate(request, plain, read_items(own_items(request)), self._abilities(request.model)).body
        made.pop("stream_options", None)
        if "stream_options" in given:
            made["stream_options"] = given["stream_options"]
        return msgspec.json.encode(made)

    def _abilities(self, model: str) -> Abilities:
        base = self._gateway.aliases.model_of(model).startswith(BASE)
        return Abilities(self._gateway.honours(model, Task.CHAT, "reasoning_effort"), base=base)


def _flat(tools: Any) -> Any:
    """The tools, those in the form of chats in that of responses."""
    if not isinstance(tools, list):
        return tools
    return [
        {"type": tool.get("type", "function"), **tool["function"]}
        if isinstance(tool, dict) and isinstance(tool.get("function"), dict)
        else tool
        for tool in tools
    ]
