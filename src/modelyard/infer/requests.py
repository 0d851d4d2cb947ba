"""Requests to an engine (messages, sampling parameters, adapter), and their HTTP bodies. Pure."""

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
"""The mark for the position of a picture in a text, as in ms-swift."""


@dataclass
class InferRequest:
    """One conversation to answer."""

    messages: Messages
    images: Sequence[str] = ()
    """URLs, data URLs or paths, in the order of the `<image>` marks; without marks they are put before the last question."""
    audios: Sequence[str] = ()
    videos: Sequence[str] = ()
    tools: Sequence[Mapping[str, Any]] | None = None
    chat_template_kwargs: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class AdapterRequest:
    """The adapter that answers: its public name, and the path of its files if it is not loaded yet."""

    name: str
    path: str = ""


@dataclass
class RequestConfig:
    """Sampling parameters. `None` means the model's own default."""

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
        """The fields of a request's body that differ from their defaults. Raises `InvalidParameter`."""
        for name in ("num_beams", "length_penalty"):
            if getattr(self, name) != 1:
                raise InvalidParameter(
                    name, "beam search is not supported; sample with temperature, top_p and n instead."
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
    """The body of a chat request, without its model. Raises `InvalidParameter` for audio and video."""
    given = request if isinstance(request, InferRequest) else InferRequest(**request)
    for name in ("audios", "videos"):
        if getattr(given, name):
            raise InvalidParameter(name, "no engine here supports it yet; images are supported.")
    body: dict[str, Any] = {"messages": with_images(given.messages, given.images), **config.body()}
    if given.tools:
        body["tools"] = list(given.tools)
    if given.chat_template_kwargs:
        body["chat_template_kwargs"] = dict(given.chat_template_kwargs)
    return body


def with_images(messages: Messages, images: Sequence[str]) -> Messages:
    """The messages with pictures in OpenAI's format. Raises `InvalidParameter` if marks and pictures do not match."""
    if not images:
        return messages
    left = [picture(each) for each in images]
    made = deepcopy(messages)
    texts = [message for message in made if isinstance(message.get("content"), str)]
    if not any(IMAGE in message["content"] for message in texts):
        last = next((message for message in reversed(texts) if message["role"] == "user"), None)
        if last is None:
            raise InvalidParameter("images", "there is no message of a user to put them into.")
        last["content"] = IMAGE * len(left) + last["content"]
    for message in texts:
        if IMAGE in message["content"]:
            message["content"] = _parts(message["content"], left)
    if left:
        raise InvalidParameter("images", f"there are {len(left)} more than {IMAGE} marks.")
    return made


def _parts(text: str, left: list[dict[str, Any]]) -> Messages:
    """A text and its pictures in order; the pictures are removed from the list."""
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
    """One picture as a part of a message; the content of a local file is embedded."""
    if "://" in where or where.startswith("data:"):
        return {"type": "image_url", "image_url": {"url": where}}
    try:
        data = base64.b64encode(Path(where).expanduser().read_bytes()).decode()
    except OSError as error:
        raise InvalidParameter("images", f"'{where}' cannot be read: {reason(error)}.") from None
    kind = mimetypes.guess_type(where)[0] or "image/png"
    return {"type": "image_url", "image_url": {"url": f"data:{kind};base64,{data}"}}


def model_of(name: str, request: AdapterRequest | None) -> str:
    """The model name that a request is sent to: that of its adapter, if it has one."""
    return request.name if request is not None else name
