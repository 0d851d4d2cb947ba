"""How llama.cpp's server must be spoken to so that clients get what they expect of an OpenAI server. Pure functions.

What is mended, and why, each seen with xllamacpp 2026.10:

- A whole (not streamed) answer looks for its client once a second, or never while other answers stream; a streamed one
  notices at its next token. So whole answers are asked for as streams and gathered here.
- `usage` of several choices counts the first one only.
- Completions give `logprobs` in the shape of chat.
- A streamed completion of several prompts begins with the event `null`, at which clients stumble.
- A streamed chat begins with a delta whose `content` is null where OpenAI's is empty, at which LangChain stumbles.
- A text too long to embed is a 500. Embeddings ignore `dimensions`. Reranking takes texts only, ignores
  `return_documents`, and scores with raw logits.
- Names that vLLM and Xinference users send (`repetition_penalty`, `guided_json`, …) are ignored.
"""

from __future__ import annotations

import base64
import math
import struct
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import msgspec

from modelyard.engines.llama_cpp import forms
from modelyard.engines.llama_cpp.forms import Body as Body
from modelyard.engines.llama_cpp.forms import Refused as Refused

NULL_EVENT = b"c\r\ndata: null\n\n\r\n"
"""The stray first event, with the chunk of HTTP that carries it."""

NULL_ROLE = b'{"role":"assistant","content":null}'
EMPTY_ROLE = b'{"role":"assistant","content":""  }'
"""The first delta as it comes and as it should be; of one length, so that the chunks of HTTP around it stay true."""

CHAT_PATH = "/v1/chat/completions"
NO_PROJECTOR = "llama.cpp was given no projector for this model, so it takes text only, no image or audio."

RENAMED = {
    "repetition_penalty": "repeat_penalty",
}


class Reader(Protocol):
    """Takes a stream's events one by one and gives the whole answer at its end."""

    def event(self, data: Body) -> None: ...

    def answer(self) -> Body: ...


@dataclass(frozen=True, slots=True)
class Plan:
    """What to send upstream instead of the client's body, and what to do with the answer."""

    body: bytes
    gather: Reader | None = None
    """The upstream answer is a stream for us to gather."""
    rewrite: Callable[[Body], Body] | None = None
    """The upstream answer is a JSON document for us to change."""
    whole: bool = False
    """The upstream answer is taken in before it goes on, because an error may have to be mended."""
    drop_null: bool = False
    """Relay, without `NULL_EVENT`."""
    model: str | None = None
    """The name that the answer has, where llama.cpp says another."""


def plan(
    path: str,
    body: bytes,
    *,
    logits: bool,
    stops: tuple[str, ...] = (),
    loras: Mapping[str, list[dict[str, float]]] = {},
    decoded: Body | None = None,
    changed: bool = False,
) -> Plan | None:
    """How to serve a request; None relays it as it stands. Raises `Refused`.

    `stops` end every chat answer; `loras` says which adapters answer for which model name. `decoded` is what `body` holds,
    where it has been read before, and is sent in its place if it was `changed`.

    A body that is no JSON object is relayed: llama.cpp says what is wrong with it.
    """
    planner = PLANNERS.get(path)
    if planner is None:
        return Plan(msgspec.json.encode(decoded)) if changed else None
    try:
        request = msgspec.json.decode(body, type=Body) if decoded is None else decoded
    except msgspec.DecodeError:
        return None
    added = path == CHAT_PATH and _add_stops(request, stops)
    added = added or changed
    name = str(request.get("model"))
    if found := loras.get(name):
        request["lora"], added = found, True
    made = planner(request, logits)
    made = Plan(msgspec.json.encode(request)) if made is None and added else made
    return replace(made, model=name) if made is not None and found else made


def _add_stops(request: Body, stops: tuple[str, ...]) -> bool:
    """Put stops beside those of the request; one of the wrong type is left for llama.cpp to refuse."""
    given = request.get("stop") or []
    own = [given] if isinstance(given, str) else given
    if not stops or not isinstance(own, list):
        return False
    request["stop"] = [*own, *(stop for stop in stops if stop not in own)]
    return True


def _plan_chat(request: Body, logits: bool) -> Plan | None:
    renamed = any([_rename(request), forms.hold(request)])
    forms.check_tool_choice(request)
    if request.get("stream"):
        return Plan(msgspec.json.encode(request)) if renamed else None
    _as_stream(request)
    return Plan(msgspec.json.encode(request), gather=Chat())


def _plan_completion(request: Body, logits: bool) -> Plan | None:
    renamed = any([_rename(request), forms.hold(request), forms.format_of_completion(request)])
    prompt = request.get("prompt")
    several = isinstance(prompt, list) and len(prompt) > 1 and not isinstance(prompt[0], int)
    if request.get("stream"):
        if request.get("logprobs"):
            raise Refused("logprobs", "llama.cpp streams those of a completion in another shape; ask for it whole.")
        return Plan(msgspec.json.encode(request), drop_null=several) if renamed or several else None
    _as_stream(request)
    choices = request.get("n") or 1
    return Plan(msgspec.json.encode(request), gather=Completion(choices if isinstance(choices, int) else 1))


def _rename(request: Body) -> bool:
    found = [key for key in RENAMED if key in request]
    for key in found:
        value = request.pop(key)
        if value is not None:
            request.setdefault(RENAMED[key], value)
    return bool(found)


def _as_stream(request: Body) -> None:
    request["stream"] = True
    request["stream_options"] = {"include_usage": True}


class Renaming:
    """Writes one model name over another in a stream, byte for byte of the same length, so that what frames it stays true.

    Blank space after the name makes up for a shorter one. What may yet become the name is held back.
    """

    def __init__(self, alias: str, name: str) -> None:
        self._mark = b'"model":' + msgspec.json.encode(alias)
        self._said = (b'"model":' + msgspec.json.encode(name)).ljust(len(self._mark))
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """What is certain now."""
        data = (self._held + data).replace(self._mark, self._said)
        most = min(len(data), len(self._mark) - 1)
        kept = next((size for size in range(most, 0, -1) if data.endswith(self._mark[:size])), 0)
        self._held = data[len(data) - kept :]
        return data[: len(data) - kept]


class Usage:
    """The sum over all choices. A prompt counts once, however many choices it has."""

    def __init__(self, choices_per_prompt: int) -> None:
        self._per_prompt = choices_per_prompt
        self._seen = 0
        self.total: Body = {}

    def add(self, usage: Mapping[str, Any]) -> None:
        if not self.total:
            self.total = dict(usage)
        else:
            self.total["completion_tokens"] += usage["completion_tokens"]
            if self._seen % self._per_prompt == 0:
                self.total["prompt_tokens"] += usage["prompt_tokens"]
            self.total["total_tokens"] = self.total["completion_tokens"] + self.total["prompt_tokens"]
        self._seen += 1


class Chat:
    """Gathers the chunks of a streamed chat into one `chat.completion`."""

    def __init__(self) -> None:
        self._head: Body = {}
        self._choices: dict[int, Body] = {}
        self._usage = Usage(choices_per_prompt=1_000_000)

    def event(self, data: Body) -> None:
        self._head = self._head or {key: data[key] for key in HEAD if key in data}
        if "timings" in data:
            self._head["timings"] = data["timings"]
        if usage := data.get("usage"):
            self._usage.add(usage)
        for chunk in data.get("choices", ()):
            choice = self._choices.setdefault(
                chunk["index"], {"index": chunk["index"], "text": [], "thought": [], "calls": {}, "logprobs": []}
            )
            self._delta(choice, chunk.get("delta") or {})
            choice["logprobs"] += (chunk.get("logprobs") or {}).get("content") or []
            choice["finish_reason"] = chunk.get("finish_reason") or choice.get("finish_reason")

    def _delta(self, choice: Body, delta: Body) -> None:
        if text := delta.get("content"):
            choice["text"].append(text)
        if thought := delta.get("reasoning_content"):
            choice["thought"].append(thought)
        for part in delta.get("tool_calls") or ():
            call = choice["calls"].setdefault(
                part["index"], {"id": "", "type": "function", "name": "", "arguments": []}
            )
            call["id"] = part.get("id") or call["id"]
            function = part.get("function") or {}
            call["name"] += function.get("name") or ""
            call["arguments"].append(function.get("arguments") or "")

    def answer(self) -> Body:
        choices = [_chat_choice(choice) for _, choice in sorted(self._choices.items())]
        return {**self._head, "object": "chat.completion", "choices": choices, "usage": self._usage.total}


HEAD = ("id", "created", "model", "system_fingerprint")


def _chat_choice(choice: Body) -> Body:
    message: Body = {"role": "assistant", "content": "".join(choice["text"])}
    if choice["thought"]:
        message["reasoning_content"] = "".join(choice["thought"])
    if choice["calls"]:
        message["content"] = message["content"] or None
        message["tool_calls"] = [
            {
                "id": call["id"],
                "type": call["type"],
                "function": {"name": call["name"], "arguments": "".join(call["arguments"])},
            }
            for _, call in sorted(choice["calls"].items())
        ]
    return {
        "index": choice["index"],
        "message": message,
        "logprobs": {"content": choice["logprobs"]} if choice["logprobs"] else None,
        "finish_reason": choice["finish_reason"],
    }


class Completion:
    """Gathers the chunks of a streamed completion into one `text_completion`."""

    def __init__(self, choices_per_prompt: int) -> None:
        self._per_prompt = choices_per_prompt
        self._head: Body = {}
        self._choices: dict[int, Body] = {}
        self._usages: dict[int, Body] = {}

    def event(self, data: Body) -> None:
        self._head = self._head or {key: data[key] for key in HEAD if key in data}
        if "timings" in data:
            self._head["timings"] = data["timings"]
        for chunk in data.get("choices", ()):
            choice = self._choices.setdefault(chunk["index"], {"text": [], "logprobs": []})
            choice["text"].append(chunk.get("text") or "")
            choice["logprobs"] += (chunk.get("logprobs") or {}).get("content") or []
            choice["finish_reason"] = chunk.get("finish_reason") or choice.get("finish_reason")
            if usage := data.get("usage"):
                self._usages[chunk["index"]] = usage

    def answer(self) -> Body:
        usage = Usage(self._per_prompt)
        for _, part in sorted(self._usages.items()):
            usage.add(part)
        choices = [
            {
                "index": index,
                "text": "".join(choice["text"]),
                "logprobs": legacy_logprobs(choice["logprobs"]) if choice["logprobs"] else None,
                "finish_reason": choice["finish_reason"],
            }
            for index, choice in sorted(self._choices.items())
        ]
        return {**self._head, "object": "text_completion", "choices": choices, "usage": usage.total}


def legacy_logprobs(content: list[Body]) -> Body:
    """The shape that completions have: parallel lists instead of a list of tokens."""
    offsets, position = [], 0
    for token in content:
        offsets.append(position)
        position += len(token["token"])
    return {
        "tokens": [token["token"] for token in content],
        "token_logprobs": [token["logprob"] for token in content],
        "top_logprobs": [{top["token"]: top["logprob"] for top in token["top_logprobs"]} for token in content],
        "text_offset": offsets,
    }


def _plan_embedding(request: Body, logits: bool) -> Plan | None:
    width = request.pop("dimensions", None)
    if width is None:
        return Plan(msgspec.json.encode(request), whole=True)
    if not isinstance(width, int) or isinstance(width, bool) or width < 1:
        raise Refused("dimensions", "must be a positive whole number.")
    packed = request.pop("encoding_format", None) == "base64"

    def rewrite(answer: Body) -> Body:
        for item in answer["data"]:
            vector = shortened(item["embedding"], width)
            item["embedding"] = base64.b64encode(struct.pack(f"<{width}f", *vector)).decode() if packed else vector
        return answer

    return Plan(msgspec.json.encode(request), rewrite=rewrite)


def shortened(vector: list[float], width: int) -> list[float]:
    """The first `width` numbers, of length one again: what models trained for it (Matryoshka) are shortened by."""
    if width > len(vector):
        raise Refused("dimensions", f"is {width}, and this model's vectors have {len(vector)}.")
    part = vector[:width]
    norm = math.sqrt(sum(number * number for number in part)) or 1.0
    return [number / norm for number in part]


def mended(status: int, body: bytes) -> tuple[int, bytes]:
    """An answer as it should be: a text that does not fit is the client's fault, and the launch has the cure."""
    if status == 500 and b"input is not supported" in body:
        error = {"code": 400, "message": NO_PROJECTOR, "type": "invalid_request_error", "param": "messages"}
        return 400, msgspec.json.encode({"error": error})
    if status != 500 or b"too large to process" not in body:
        return status, body
    said = str(msgspec.json.decode(body, type=Body)["error"]["message"])
    message = f"{said.partition(' is too large')[0]} is too long for this model as launched; n_ctx bounds it."
    return 400, msgspec.json.encode({"error": {"code": 400, "message": message, "type": "invalid_request_error"}})


def _plan_rerank(request: Body, logits: bool) -> Plan | None:
    documents = request.get("documents")
    if not isinstance(documents, list):
        return None
    texts = [_text(document) for document in documents]
    request["documents"] = texts
    shown = bool(request.pop("return_documents", False))

    def rewrite(answer: Body) -> Body:
        return ranking(answer, texts if shown else None, logits)

    return Plan(msgspec.json.encode(request), rewrite=rewrite)


def _text(document: Any) -> Any:
    """A document's text: Cohere's clients send `{"text": …}`, and name other fields as they like."""
    if not isinstance(document, dict):
        return document
    if isinstance(document.get("text"), str):
        return document["text"]
    raise Refused("documents", "a document must be a text, or an object with a field 'text'.")


def ranking(answer: Body, texts: list[str] | None, logits: bool) -> Body:
    """The answer in the shape of Xinference, Cohere and Jina, with scores between 0 and 1."""
    used = answer.get("usage") or {}
    results = [
        {
            "index": result["index"],
            "relevance_score": sigmoid(result["relevance_score"]) if logits else result["relevance_score"],
            "document": None if texts is None else {"text": texts[result["index"]]},
        }
        for result in answer["results"]
    ]
    tokens = {"input_tokens": used.get("prompt_tokens", 0), "output_tokens": 0}
    meta = {"api_version": None, "billed_units": None, "tokens": tokens, "warnings": None}
    return {"id": str(uuid.uuid4()), "model": answer.get("model"), "results": results, "meta": meta, "usage": used}


def sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-logit)) if logit >= 0 else math.exp(logit) / (1 + math.exp(logit))


PLANNERS: Mapping[str, Callable[[Body, bool], Plan | None]] = {
    CHAT_PATH: _plan_chat,
    "/v1/completions": _plan_completion,
    "/v1/embeddings": _plan_embedding,
    "/v1/rerank": _plan_rerank,
}
