"""Requests of Ollama's API as chat completions and completions. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from modelyard.core.access import BASE
from modelyard.core.errors import InvalidParameter
from modelyard.dialects.features import Table, other_fields
from modelyard.dialects.ollama.features import CHAT, GENERATE
from modelyard.dialects.ollama.options import sampling
from modelyard.dialects.parts import text_part
from modelyard.protocol.ollama import (
    OllamaCall,
    OllamaChatRequest,
    OllamaGenerateRequest,
    OllamaMessage,
    OllamaRequest,
)

Body = dict[str, Any]

KINDS = {"iVBOR": "png", "/9j/": "jpeg", "R0lG": "gif", "UklG": "webp", "Qk": "bmp"}
"""How base64 of a picture begins → its kind."""


@dataclass(frozen=True, slots=True)
class EngineAbilities:
    """What the engine of a model is known to honour, of what is left out where it is not honoured."""

    effort: bool = False


def chat_body(request: OllamaChatRequest, body: bytes, model: str, abilities: EngineAbilities) -> Body:
    """The chat completion of `/api/chat` for a model under its own name. Raises `InvalidParameter`."""
    found = _common(request, body, CHAT, model, abilities)
    found["messages"] = chat_messages(request.messages or ())
    if request.tools and not model.startswith(BASE):
        found["tools"] = request.tools
    return found


def generate_body(request: OllamaGenerateRequest, body: bytes, model: str, abilities: EngineAbilities) -> Body:
    """The chat completion of `/api/generate`. Raises `InvalidParameter`."""
    found = _common(request, body, GENERATE, model, abilities)
    system = [OllamaMessage("system", request.system)] if request.system else []
    found["messages"] = chat_messages([*system, OllamaMessage("user", request.prompt or "", images=request.images)])
    return found


def completes(request: OllamaGenerateRequest) -> bool:
    """Whether a request is one for a completion: without a chat template, or between a text and its end."""
    return bool(request.raw or request.suffix)


def completion_body(request: OllamaGenerateRequest, body: bytes, model: str) -> Body:
    """The completion of `/api/generate`. Raises `InvalidParameter`."""
    for name, value in (("images", request.images), ("think", request.think), ("format", request.format)):
        if value:
            raise InvalidParameter(name, "it needs the chat template, which 'raw' and 'suffix' leave out.")
    found = _common(request, body, GENERATE, model, EngineAbilities())
    if (count := found.pop("top_logprobs", None)) or request.logprobs:
        found["logprobs"] = count or 1
    found["prompt"] = request.prompt or ""
    if request.suffix:
        found["suffix"] = request.suffix
    return found


def _common(request: OllamaRequest, body: bytes, table: Table, model: str, abilities: EngineAbilities) -> Body:
    found = other_fields(body, request.model, table)
    found |= {"model": model, **sampling(request.options, request.model), **_form(request.format)}
    if request.think is not None:
        found["enable_thinking"] = request.think not in (False, "none")
        if isinstance(request.think, str) and abilities.effort:
            found["reasoning_effort"] = request.think
    if request.logprobs or request.top_logprobs:
        found["logprobs"] = True
    if request.top_logprobs:
        found["top_logprobs"] = request.top_logprobs
    if request.stream is not False:
        found |= {"stream": True, "stream_options": {"include_usage": True}}
    return found


def _form(form: str | Body | None) -> Body:
    if not form:
        return {}
    if isinstance(form, str):
        return {"response_format": {"type": "json_object"}}
    return {"response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": form}}}


def chat_messages(messages: Sequence[OllamaMessage]) -> list[Body]:
    """The messages. Ollama's calls have no ids: a result belongs to the next call of its tool that waits for one."""
    waiting: list[tuple[str, str]] = []
    found = []
    for index, message in enumerate(messages):
        new: Body = {"role": message.role, "content": _content(message)}
        if message.thinking:
            new["reasoning_content"] = message.thinking
        if message.tool_calls:
            new["tool_calls"] = [_call(call, f"call_{index}_{n}") for n, call in enumerate(message.tool_calls)]
            new["content"] = new["content"] or None
            waiting = [(each["function"]["name"], each["id"]) for each in new["tool_calls"]]
        elif message.role == "tool":
            new["tool_call_id"] = message.tool_call_id or _answered(message.tool_name, waiting) or f"call_{index}"
        found.append(new)
    return found


def _answered(tool: str | None, waiting: list[tuple[str, str]]) -> str | None:
    """The id of the call that a result belongs to, which then waits no more."""
    if not waiting:
        return None
    found = next((each for each in waiting if each[0] == tool), waiting[0])
    waiting.remove(found)
    return found[1]


def _call(call: OllamaCall, identity: str) -> Body:
    arguments = msgspec.json.encode(call.function.arguments or {}).decode()
    return {
        "id": call.id or identity,
        "type": "function",
        "function": {"name": call.function.name, "arguments": arguments},
    }


def _content(message: OllamaMessage) -> str | list[Body]:
    text = message.content or ""
    if not message.images:
        return text
    pictures = [{"type": "image_url", "image_url": {"url": _picture(each)}} for each in message.images]
    return [text_part(text), *pictures]


def _picture(data: str) -> str:
    if data.startswith("data:"):
        return data
    kind = next((kind for start, kind in KINDS.items() if data.startswith(start)), "png")
    return f"data:image/{kind};base64,{data}"
