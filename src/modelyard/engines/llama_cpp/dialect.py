"""Translates requests to OpenAI's API into requests that llama.cpp's server answers as OpenAI's would. Pure functions.

These deviations are corrected, each seen with xllamacpp 2026.10:

- For a whole (not streamed) answer, llama.cpp checks once a second whether its client is connected, or never while other
  answers stream; a stream notices it at the next token. So whole answers are requested as streams and gathered
  (`gathering.py`).
- `usage` of several choices counts only the first one, and a stream has one for each choice. Completions have counts in their
  last delta, ids of chats, a first event `null` if there are several prompts, and `logprobs` in the format of chats.
  The first delta of a chat has the content null, the last one has none (`streams.py`, `logprobs.py`).
- Text that may become a stop string is dropped if an answer ends by its length, `max_tokens: 0` generates a token
  (`filters.py`), and `logit_bias` ignores unknown token ids.
- A required tool call comes after any amount of text, or never (`tool_calls.py`).
- Errors have their own formats, and report clients' mistakes as server errors (`faults.py`).
- Embeddings ignore `dimensions`. Reranking accepts texts only, ignores `return_documents`, and returns raw logits as scores
  (`vectors.py`).
- Names that vLLM's and Xinference's users send (`repetition_penalty`, `guided_json`, …) are ignored (`forms.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import msgspec

from modelyard.engines.llama_cpp import forms, logprobs, vectors
from modelyard.engines.llama_cpp.filters import EmptyAnswers, StopStrings, are_seen
from modelyard.engines.llama_cpp.gathering import ChatGatherer, CompletionGatherer, as_event
from modelyard.engines.llama_cpp.plans import (
    AnswerGatherer,
    Body,
    Filter,
    RequestPlan,
    RequestRefused,
    whole_number,
)
from modelyard.engines.llama_cpp.streams import ChatEvents, CompletionEvents
from modelyard.engines.llama_cpp.tool_calls import demand

CHAT_PATH = "/v1/chat/completions"

SWITCHES = ("enable_thinking", "thinking")
"""Template variables that switch thinking on and off."""
LIMITS = ("n_predict", "max_tokens", "max_completion_tokens")
"""The fields that limit the length of an answer; llama.cpp prefers the first one."""
RENAMED = {
    "repetition_penalty": "repeat_penalty",
}


@dataclass(frozen=True, slots=True)
class ReplicaSetting:
    """Settings of the replica that the plan of a request depends on."""

    logits: bool
    """Whether the model's rerank scores are logits instead of probabilities."""
    names: tuple[str, str] | None = None
    """The model's name in llama.cpp's answers, and that in the request, if they differ."""
    thinking: bool | None = None
    """The launch's default of the thinking switch."""
    vocabulary: int | None = None
    """Number of the model's tokens, if known."""


def plan(
    path: str,
    body: bytes,
    *,
    logits: bool,
    stops: tuple[str, ...] = (),
    loras: Mapping[str, list[dict[str, float]]] = {},
    alias: str = "",
    thinking: bool | None = None,
    vocabulary: int | None = None,
    decoded: Body | None = None,
) -> RequestPlan | None:
    """Plan how a request is served; None relays it unchanged. Raises `RequestRefused`.

    `stops` end every chat answer; `loras` maps model names to adapters, where llama.cpp answers with the name `alias` for
    all of them; `thinking` is the launch's default; `vocabulary` is the number of the model's tokens. `decoded` is the
    parsed `body`, if it was parsed before.

    A body that is not a JSON object is relayed, so that llama.cpp reports the error.
    """
    planner = PLANNERS.get(path)
    if planner is None:
        return None if decoded is None else RequestPlan(msgspec.json.encode(decoded))
    try:
        request = msgspec.json.decode(body, type=Body) if decoded is None else decoded
    except msgspec.DecodeError:
        return None
    name = str(request.get("model"))
    adapters = loras.get(name)
    if adapters:
        request["lora"] = adapters
    if path == CHAT_PATH:
        _add_stops(request, stops)
    made = planner(request, ReplicaSetting(logits, (alias, name) if adapters else None, thinking, vocabulary))
    return replace(made, model=name if adapters else None, param=PARAMS[path])


def _add_stops(request: Body, stops: tuple[str, ...]) -> None:
    """Add stop strings to those of the request. A `stop` of the wrong type is kept, and refused by a later check."""
    given = request.get("stop") or []
    own = [given] if isinstance(given, str) else given
    if stops and isinstance(own, list):
        request["stop"] = [*own, *(stop for stop in stops if stop not in own)]


def _check_stops(request: Body) -> None:
    given = request.get("stop")
    own = [given] if isinstance(given, str) else given
    if own is None:
        request.pop("stop", None)
    elif not isinstance(own, list) or not all(isinstance(stop, str) for stop in own):
        raise RequestRefused("stop", "it must be a text or a list of texts.")
    elif "" in own:
        raise RequestRefused("stop", "a stop must have characters.")


def _check_bias(request: Body, vocabulary: int | None) -> None:
    given = request.get("logit_bias")
    for token in given if isinstance(given, dict) else ():
        if not (token.isascii() and token.isdigit() and (vocabulary is None or int(token) < vocabulary)):
            most = "" if vocabulary is None else f", a number below {vocabulary}"
            raise RequestRefused("logit_bias", f"{token[:40]!r} is no token of this model{most}.")


def name_thoughts(request: Body) -> None:
    """Rename thoughts of earlier answers to the older of their two names, which llama.cpp's templates read."""
    messages = request.get("messages")
    for message in messages if isinstance(messages, list) else ():
        if isinstance(message, dict) and message.get("reasoning") and not message.get("reasoning_content"):
            message["reasoning_content"] = message.pop("reasoning")


def _plan_chat(request: Body, setting: ReplicaSetting) -> RequestPlan:
    _rename(request)
    name_thoughts(request)
    _check_stops(request)
    _check_bias(request, setting.vocabulary)
    demanded = demand(request)
    if demanded is None:
        forms.hold(request)
    else:
        forms.hold_to_calls(request, demanded.schema())
    if "json_schema" in request and _is_silent(request, setting):
        request["reasoning_format"] = "none"  # otherwise thoughts of any length may precede the constrained text
    top = logprobs.ask_of_chat(request)
    reading = demanded.reading if demanded else None
    streamed = _is_streamed(request)
    count = choices(request)
    if streamed or count > 1:
        _check_tools_with_logprobs(request, top)
    if streamed:
        counted = forms.counted(request)
        prefilter = _prefilter(request, count, counted)
        events = ChatEvents(count, counted, setting.names, top, reading)
        return RequestPlan(msgspec.json.encode(request), stream=events, prefilter=prefilter)
    return _whole(request, ChatGatherer(top, reading), top is not None, count)


def _is_silent(request: Body, setting: ReplicaSetting) -> bool:
    """Whether the request or the launch switches the model's thinking off."""
    given = request.get("chat_template_kwargs")
    switches = [given[name] for name in SWITCHES if name in given] if isinstance(given, dict) else []
    if switches:
        return switches[0] is False
    return setting.thinking is False or request.get("reasoning_effort") == "none"


def _check_tools_with_logprobs(request: Body, top: int | None) -> None:
    """llama.cpp returns log probabilities of an answer that may call tools only in whole answers with one choice."""
    if top is not None and _may_call(request):
        raise RequestRefused(
            "logprobs", "llama.cpp gives none of a stream, or of several choices, that may call tools."
        )


def _plan_completion(request: Body, setting: ReplicaSetting) -> RequestPlan:
    _rename(request)
    _check_stops(request)
    _check_bias(request, setting.vocabulary)
    forms.hold(request)
    top = logprobs.ask_of_completion(request)
    prompt = request.get("prompt")
    several = isinstance(prompt, list) and not all(map(whole_number, prompt))
    count = choices(request) * (len(prompt) if isinstance(prompt, list) and several else 1)
    if _is_streamed(request):
        counted = forms.counted(request)
        prefilter = _prefilter(request, count, counted)
        events = CompletionEvents(choices(request), counted, setting.names, top)
        return RequestPlan(msgspec.json.encode(request), stream=events, prefilter=prefilter)
    return _whole(request, CompletionGatherer(choices(request), top), top is not None, count)


def _prefilter(request: Body, count: int, counted: bool) -> Filter | None:
    """The filter for a stream of `count` choices; changes the request for it."""
    if _is_empty(request):
        request.update(dict.fromkeys((name for name in LIMITS if name in request), 1))
        request.pop("stop", None)
        return EmptyAnswers()
    stops = request.get("stop") or ()
    stops = [stops] if isinstance(stops, str) else stops
    if not are_seen(stops):
        return None
    timed = request.get("timings_per_token") is True
    request.pop("stop")
    request["timings_per_token"] = True
    request["stream_options"] = {"include_usage": True}
    return StopStrings(stops, count, counted, timed)


def _is_empty(request: Body) -> bool:
    """Whether the request asks for an answer without tokens."""
    limit = next((request[name] for name in LIMITS if request.get(name) is not None), None)
    return whole_number(limit) and limit == 0


def _may_call(request: Body) -> bool:
    return bool(request.get("tools")) and request.get("tool_choice") != "none"


def _whole(request: Body, reader: AnswerGatherer, scored: bool, count: int) -> RequestPlan:
    """Plan a whole answer. llama.cpp's streams omit the log probabilities of tokens whose text is held back.

    So if these are requested (`scored`), and there is one choice, llama.cpp is asked for its whole answer.
    """
    if scored and count == 1 and not _is_empty(request):
        if request.get("stop"):
            request["n_probs"] = max(
                logprobs.MOST, request["n_probs"]
            )  # the text of a held token is among the likeliest
        request["stream"] = False
        request.pop("stream_options", None)

        def rewrite(answer: Body) -> Body:
            reader.event(as_event(answer))
            return reader.answer()

        return RequestPlan(msgspec.json.encode(request), rewrite=rewrite)
    prefilter = _prefilter(request, count, True)
    _as_stream(request)
    return RequestPlan(msgspec.json.encode(request), gather=reader, prefilter=prefilter)


def choices(request: Body) -> int:
    """Number of choices per prompt; an invalid value is left for llama.cpp to refuse."""
    given = request.get("n_cmpl") or request.get("n")
    return given if isinstance(given, int) and whole_number(given, 1) else 1


def _rename(request: Body) -> None:
    for key in [key for key in RENAMED if key in request]:
        value = request.pop(key)
        if value is not None:
            request.setdefault(RENAMED[key], value)


def _is_streamed(request: Body) -> bool:
    streamed = request.get("stream")
    if streamed is not None and not isinstance(streamed, bool):
        raise RequestRefused("stream", "it must be true or false.")
    return bool(streamed)


def _as_stream(request: Body) -> None:
    request["stream"] = True
    request["stream_options"] = {"include_usage": True}


def _plan_embedding(request: Body, setting: ReplicaSetting) -> RequestPlan:
    return vectors.plan_embedding(request)


def _plan_rerank(request: Body, setting: ReplicaSetting) -> RequestPlan:
    return vectors.plan_rerank(request, setting.logits)


PLANNERS: Mapping[str, Callable[[Body, ReplicaSetting], RequestPlan]] = {
    CHAT_PATH: _plan_chat,
    "/v1/completions": _plan_completion,
    "/v1/embeddings": _plan_embedding,
    "/v1/rerank": _plan_rerank,
}
PARAMS: Mapping[str, str] = {
    CHAT_PATH: "messages",
    "/v1/completions": "prompt",
    "/v1/embeddings": "input",
    "/v1/rerank": "documents",
}
"""Path → the field with the text."""
