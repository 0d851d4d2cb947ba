"""Requests to an engine: messages, sampling parameters and an adapter; and the bodies of HTTP that they become. Pure."""

from __future__ import annotations

import base64
import mimetypes
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelyard.core.errors import InvalidParameter
from modelyard.core.wording import reason

Messages = list[dict[str, Any]]
IMAGE = "<image>"
"""Where a picture belongs in a text, as ms-swift marks it."""


@dataclass
class InferRequest:
    """One conversation to answer."""

    messages: Messages
    images: Sequence[str] = ()
    """Addresses, data URLs or paths, in the order of the `<image>` marks; without marks they stand before the last question."""
    audios: Sequence[str] = ()
    videos: Sequence[str] = ()
    tools: Sequence[Mapping[str, Any]] | None = None
    chat_template_kwargs: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class AdapterRequest:
    """The adapter that answers: its public name, and where its files are if it is not loaded yet."""

    name: str
    path: str = ""


@dataclass
class RequestConfig:
    """How to answer. `None` leaves it to the model's own settings."""

    max_tokens: int | None = None
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    repetition_penalty: float | None = None
    num_beams: int = 1
    stop: Sequence[str] | str | None = None
    seed: int | None = None
    stream: bool = False
    logprobs: bool = False
    top_logprobs: int | None = None
    n: int = 1
    best_of: int | None = None
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    length_penalty: float = 1.0
    structured_outputs_regex: str | None = None

    def body(self, *, chat: bool = True) -> dict[str, Any]:
        """The keys of a request's body, without those that have their default. Raises `InvalidParameter`."""
        for name in ("num_beams", "length_penalty"):
            if getattr(self, name) != 1:
                raise InvalidParameter(
                    name, "beam search is not done here; draw with temperature, top_p and n instead."
                )
        given: dict[str, Any] = {
            name: getattr(self, name)
            for name in (
                "max_tokens",
                "temperature",
                "top_k",
                "top_p",
                "min_p",
                "repetition_penalty",
                "seed",
                "best_of",
            )
        }
        given |= {
            "stop": list(self.stop) if self.stop and not isinstance(self.stop, str) else self.stop or None,
            "n": self.n if self.n != 1 else None,
            "presence_penalty": self.presence_penalty or None,
            "frequency_penalty": self.frequency_penalty or None,
            "structured_outputs": {"regex": self.structured_outputs_regex} if self.structured_outputs_regex else None,
        }
        if self.logprobs or self.top_logprobs:
            given |= (
                {"logprobs": True, "top_logprobs": self.top_logprobs} if chat else {"logprobs": self.top_logprobs or 1}
            )
        return {name: value for name, value in given.items() if value is not None}


def chat_body(request: InferRequest | Mapping[str, Any], config: RequestConfig) -> dict[str, Any]:
    """The body of a chat request, without its model. Raises `InvalidParameter` for sounds and films."""
    given = request if isinstance(request, InferRequest) else InferRequest(**request)
    for name in ("audios", "videos"):
        if getattr(given, name):
            raise InvalidParameter(name, "no engine here takes them yet; images are taken.")
    body: dict[str, Any] = {"messages": with_images(given.messages, given.images), **config.body()}
    if given.tools:
        body["tools"] = list(given.tools)
    if given.chat_template_kwargs:
        body["chat_template_kwargs"] = dict(given.chat_template_kwargs)
    return body


def with_images(messages: Messages, images: Sequence[str]) -> Messages:
    """The messages with pictures as OpenAI has them. Raises `InvalidParameter` when marks and pictures do not match."""
    if not images:
        return messages
    left = [picture(each) for each in images]
    made = deepcopy(messages)
    texts = [message for message in made if isinstance(message.get("content"), str)]
    if not any(IMAGE in message["content"] for message in texts):
        last = next((message for message in reversed(texts) if message["role"] == "user"), None)
        if last is None:
            raise InvalidParameter("images", "there is no question of a user that they could belong to.")
        last["content"] = IMAGE * len(left) + last["content"]
    for message in texts:
        if IMAGE in message["content"]:
            message["content"] = _parts(message["content"], left)
    if left:
        raise InvalidParameter("images", f"there are {len(left)} more than {IMAGE} marks.")
    return made


def _parts(text: str, left: list[dict[str, Any]]) -> Messages:
    """A text and its pictures in order; the pictures are taken from the list."""
    first, *rest = text.split(IMAGE)
    parts: Messages = [{"type": "text", "text": first}] if first else []
    for piece in rest:
        if not left:
            raise InvalidParameter("images", f"there are fewer than {IMAGE} marks.")
        parts.append(left.pop(0))
        if piece:
            parts.append({"type": "text", "text": piece})
    return parts


def picture(where: str) -> dict[str, Any]:
    """One picture as a part of a message; a file of this machine is put into it."""
    if "://" in where or where.startswith("data:"):
        return {"type": "image_url", "image_url": {"url": where}}
    try:
        data = base64.b64encode(Path(where).expanduser().read_bytes()).decode()
    except OSError as error:
        raise InvalidParameter("images", f"'{where}' cannot be read: {reason(error)}.") from None
    kind = mimetypes.guess_type(where)[0] or "image/png"
    return {"type": "image_url", "image_url": {"url": f"data:{kind};base64,{data}"}}


def model_of(name: str, request: AdapterRequest | None) -> str:
    """The model name that a request is sent to: the adapter's, if it has one."""
    return request.name if request is not None else name
