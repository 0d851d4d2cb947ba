"""Translates requests of OpenAI's API into requests that llama.cpp's server answers as OpenAI's would. Pure functions.

What is mended, and why, each seen with xllamacpp 2026.10:

- A whole (not streamed) answer looks for its client once a second, or never while other answers stream; a streamed one
  notices at its next token. So whole answers are asked for as streams and gathered (`gathering.py`).
- `usage` of several choices counts the first one only, and a stream has one for each choice. Completions count in their last
  delta, have the ids of chats, begin with the event `null` where there are several prompts, and give `logprobs` in the
  shape of chats. The first delta of a chat has the content null, the last one none (`streams.py`, `logprobs.py`).
- Text that may become a stop string is dropped where an answer ends by its length, `max_tokens: 0` writes a token
  (`filters.py`), and token ids beyond the vocabulary bias nothing.
- A call that is demanded comes after as much text as the model likes, or never (`tool_calls.py`).
- Errors have shapes of their own, and blame the server for what clients send (`faults.py`).
- Embeddings ignore `dimensions`. Reranking takes texts only, ignores `return_documents`, and scores with raw logits
  (`vectors.py`).
- Names that vLLM and Xinference users send (`repetition_penalty`, `guided_json`, …) are ignored (`forms.py`).
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
"""Variables of templates that turn thoughts on and off."""
LIMITS = ("n_predict", "max_tokens", "max_completion_tokens")
"""The fields that bound an answer, the first one that llama.cpp reads before the others."""
RENAMED = {
    "repetition_penalty": "repeat_penalty",
}


@dataclass(frozen=True, slots=True)
class ReplicaSetting:
    """What the plan of a request depends on beside the request: settings of the replica."""

    logits: bool
    """The model's rerank scores are logits, not probabilities."""
    names: tuple[str, str] | None = None
    """The name of the model that llama.cpp says, and the one that the request says, where they differ."""
    thinking: bool | None = None
    """What the launch says of thoughts."""
    vocabulary: int | None = None
    """How many tokens the model has, where that is known."""


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
    """Plan how a request is served; None relays it as it is. Raises `RequestRefused`.

    `stops` end every chat answer; `loras` says which adapters answer for which model name, where llama.cpp says `alias` of
    all of them; `thinking` is what the launch says of thoughts; `vocabulary` is the number of the model's tokens. `decoded` is
    what `body` holds, where it has been read before.

    A body that is no JSON object is relayed: llama.cpp says what is wrong with it.
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
    """Add stop strings to those of the request. A `stop` of the wrong type stays, and is refused when it is checked."""
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
        raise RequestRefused("stop", "must be a text or a list of texts.")
    elif "" in own:
        raise RequestRefused("stop", "a stop must have characters.")


def _check_bias(request: Body, vocabulary: int | None) -> None:
    given = request.get("logit_bias")
    for token in given if isinstance(given, dict) else ():
        if not (token.isascii() and token.isdigit() and (vocabulary is None or int(token) < vocabulary)):
            most = "" if vocabulary is None else f", a number below {vocabulary}"
            raise RequestRefused("logit_bias", f"{token[:40]!r} is no token of this model{most}.")


def _name_thoughts(request: Body) -> None:
    """llama.cpp's templates read the thoughts of earlier answers by the older of their two names."""
    messages = request.get("messages")
    for message in messages if isinstance(messages, list) else ():
        if isinstance(message, dict) and message.get("reasoning") and not message.get("reasoning_content"):
            message["reasoning_content"] = message.pop("reasoning")


def _plan_chat(request: Body, setting: ReplicaSetting) -> RequestPlan:
    _rename(request)
    _name_thoughts(request)
    _check_stops(request)
    _check_bias(request, setting.vocabulary)
    demanded = demand(request)
    if demanded is None:
        forms.hold(request)
    else:
        forms.hold_to_calls(request, demanded.schema())
    if "json_schema" in request and _is_silent(request, setting):
        request["reasoning_format"] = "none"  # else thoughts may come before what is held, as long as the model likes
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
    """Whether the request or the launch turns the model's thoughts off."""
    given = request.get("chat_template_kwargs")
    switches = [given[name] for name in SWITCHES if name in given] if isinstance(given, dict) else []
    if switches:
        return switches[0] is False
    return setting.thinking is False or request.get("reasoning_effort") == "none"


def _check_tools_with_logprobs(request: Body, top: int | None) -> None:
    """llama.cpp gives log-probabilities of an answer that may call tools in whole answers of one choice only."""
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
    """What a stream of so many choices passes before it is read; the request changes with it."""
    if _is_empty(request):
        request.update(dict.fromkeys((name for name in LIMITS if name in request), 1))
        request.pop("stop", None)
        return EmptyAnswers()
    stops = request.get("stop") or ()
    stops = [stops] if isinstance(stops, str) else stops
    if not are_seen(stops) or _may_call(request):
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
    """A whole answer. llama.cpp's streams leave out the log-probabilities of tokens whose text is held back.

    So where they are wanted (`scored`), and there is one choice, it is asked for its whole answer.
    """
    if scored and count == 1 and not _is_empty(request):
        if request.get("stop"):
            request["n_probs"] = max(logprobs.MOST, request["n_probs"])  # a held token has its text among the likeliest
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
    """Choices of each prompt; a number that is none is left for llama.cpp to refuse."""
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
        raise RequestRefused("stream", "must be true or false.")
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
"""By path, the field that holds the text."""
