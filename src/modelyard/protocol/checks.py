"""Checks of the fields of a body against each other, once for all engines, and the changes before an engine gets it. Pure.

Each function gets a body as its struct and returns the fields to change. `UNSET` takes a field out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta

from modelyard.core.errors import InvalidParameter
from modelyard.core.mismatches import reworded
from modelyard.protocol import messages, old_functions
from modelyard.protocol.extensions import MOST_FORMS, Regex
from modelyard.protocol.inference import (
    ChatRequest,
    CompletionRequest,
    EmbeddingRequest,
    RequestMessage,
    RerankRequest,
    Sampling,
    StreamOptions,
)
from modelyard.protocol.scoring import PoolingRequest
from modelyard.protocol.tokens import ClassifyRequest, TokenizeRequest

Changes = dict[str, Any]

MOST_CONTINUATIONS = 1024
"""Maximum number of choices that one completion request may ask for, over all its prompts."""
RESERVED = frozenset({"messages", "tools", "tokenize", "conversation", "chat_template"})
"""Arguments that a chat template gets from elsewhere, so `chat_template_kwargs` may not name them."""
OUTPUTS: Mapping[str, Any] = {
    "json": dict[str, Any] | str | None,
    "regex": Regex | None,
    "choice": Annotated[list[str], Meta(min_length=1, max_length=MOST_FORMS)] | None,
    "grammar": str | None,
    "json_object": bool | None,
    "structural_tag": str | None,
    "whitespace_pattern": str | None,
    **dict.fromkeys(("disable_any_whitespace", "disable_additional_properties", "disable_fallback"), bool | None),
}
"""The fields of `structured_outputs`, and their types."""
FORMS = (
    *("response_format", "structured_outputs", "guided_json", "guided_json_object", "guided_regex", "guided_choice"),
    *("guided_grammar", "json_schema", "grammar", "regex", "ebnf"),
)
"""Parameters that hold an answer to a form. Engines differ in which of several wins."""
EMPTY: Mapping[str, tuple[Any, ...]] = {
    "structured_outputs": ({},),
    **dict.fromkeys(
        ("guided_json", "guided_regex", "guided_grammar", "grammar", "regex", "ebnf", "chat_template"), ("",)
    ),
}
"""Values that stand for nothing at all."""
FORMATS = ("text", "json_object", "json_schema", "structural_tag")


def changes(request: msgspec.Struct) -> Changes:
    """The fields to change in a body. Raises `InvalidParameter`."""
    nulls = {name: UNSET for name in request.__struct_fields__ if getattr(request, name) is None}
    if getattr(request, "truncate_prompt_tokens", UNSET) == 0:
        raise InvalidParameter("truncate_prompt_tokens", "it must be at least 1, or -1 for as many as the model takes.")
    check = CHECKS.get(type(request))
    return nulls | check(request) if check is not None else nulls


def _chat(request: ChatRequest) -> Changes:
    found = _sampling(request) | _tools(request)
    for name in RESERVED & set(request.chat_template_kwargs or ()):
        raise InvalidParameter(f"chat_template_kwargs.{name}", "the server gives it to the template itself.")
    if request.continue_final_message is True and request.add_generation_prompt is not False:
        raise InvalidParameter("continue_final_message", "it needs 'add_generation_prompt' to be false.")
    if request.max_completion_tokens == -1:
        found["max_completion_tokens"] = UNSET
    if request.max_tokens == -1:
        found["max_tokens"] = UNSET
    if isinstance(request.top_logprobs, int) and request.logprobs is not True:
        if request.top_logprobs:
            raise InvalidParameter("top_logprobs", "it needs 'logprobs' to be true.")
        found["top_logprobs"] = UNSET
    return found


def _tools(request: ChatRequest) -> Changes:
    found: Changes = old_functions.as_tools(request)
    for name, value in found.items():
        setattr(request, name, value)
    if request.functions is not UNSET or request.function_call is not UNSET:
        found |= {"functions": UNSET, "function_call": UNSET}
    offered: Sequence[messages.Body] = ()
    if isinstance(request.tools, list):
        offered = messages.tools(request.tools)
        if not offered:
            found["tools"] = UNSET
        elif offered is not request.tools:
            found["tools"] = offered
    if isinstance(request.tool_choice, str | dict):
        choice = messages.tool_choice(request.tool_choice, offered)
        if choice is not request.tool_choice:
            found["tool_choice"] = UNSET if choice is None else choice
    return found


def _sampling(request: Sampling) -> Changes:
    found: Changes = {}
    if isinstance(request.response_format, dict):
        form = response_format(request.response_format)
        if form != request.response_format:
            found["response_format"] = form
    if isinstance(request.structured_outputs, dict):
        _check_outputs(request.structured_outputs)
    found |= {name: UNSET for name in EMPTY if getattr(request, name, UNSET) in EMPTY[name]}
    if isinstance(request.guided_json, str) and request.guided_json and not _is_object(request.guided_json):
        raise InvalidParameter("guided_json", "it must be a JSON schema: an object, or the text of one.")
    forms = [name for name in FORMS if _constrains(getattr(request, name))]
    if len(forms) > 1:
        raise InvalidParameter(forms[1], f"'{forms[0]}' says already what the answer must look like.")
    if request.seed == -1:  # a new one each time, as llama.cpp and vLLM have it
        found["seed"] = UNSET
    options = request.stream_options
    if isinstance(options, StreamOptions):
        named = {name: value for name, value in msgspec.structs.asdict(options).items() if value is not UNSET}
        fields = messages.without_nulls(named)
        if fields and request.stream is not True:
            raise InvalidParameter("stream_options", "it needs 'stream' to be true.")
        if fields != named or not fields:
            found["stream_options"] = fields or UNSET
    return found


def _check_outputs(outputs: Mapping[str, Any]) -> None:
    """vLLM's `structured_outputs`. Raises `InvalidParameter`."""
    for name, value in outputs.items():
        if name not in OUTPUTS:
            known = ", ".join(OUTPUTS)
            raise InvalidParameter("structured_outputs", f"it has no field '{name[:50]}'; it may have {known}.")
        try:
            msgspec.convert(value, OUTPUTS[name])
        except msgspec.ValidationError as error:
            problem = reworded(str(error).partition(" - at ")[0], OUTPUTS[name])
            raise InvalidParameter(f"structured_outputs.{name}", f"{problem}.") from None


def _is_object(text: str) -> bool:
    try:
        return isinstance(msgspec.json.decode(text), dict)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return False


def _constrains(form: Any) -> bool:
    """Whether a parameter constrains the form of an answer."""
    return bool(form) and form != {"type": "text"}


def response_format(original: messages.Body) -> messages.Body:
    """`response_format` without nulls. Raises `InvalidParameter`."""
    form = messages.without_nulls(original)
    kind = form.get("type")
    if kind not in FORMATS:
        raise InvalidParameter("response_format.type", f"it must be one of {', '.join(FORMATS)}, not {kind!r}.")
    if not isinstance(form.get("schema", {}), dict):
        raise InvalidParameter("response_format.schema", "it must be a JSON schema, an object.")
    if kind != "json_schema":
        return form
    named = form.get("json_schema")
    if not isinstance(named, dict):
        raise InvalidParameter("response_format.json_schema", "it is required: an object with a 'schema'.")
    named = messages.without_nulls(named)
    if not isinstance(named.get("schema"), dict):
        raise InvalidParameter("response_format.json_schema.schema", "it is required: a JSON schema, an object.")
    if not isinstance(named.setdefault("name", "response"), str):
        raise InvalidParameter("response_format.json_schema.name", "it must be a text.")
    if not isinstance(named.get("strict", False), bool):
        raise InvalidParameter("response_format.json_schema.strict", "it must be true or false.")
    return {**form, "json_schema": named}


def _completion(request: CompletionRequest) -> Changes:
    count = texts_or_tokens("prompt", request.prompt)
    choices = request.n if isinstance(request.n, int) else 1
    if count * choices > MOST_CONTINUATIONS:
        raise InvalidParameter("prompt", f"at most {MOST_CONTINUATIONS} continuations in one request.")
    return _sampling(request)


def _embedding(request: EmbeddingRequest) -> Changes:
    texts_or_tokens("input", request.input)
    return {}


def _rerank(request: RerankRequest) -> Changes:
    if not request.query:
        raise InvalidParameter("query", "it is empty.")
    if not request.documents:
        raise InvalidParameter("documents", "it is empty: give at least one.")
    return {}


def texts_or_tokens(name: str, value: str | list[Any]) -> int:
    """The number of inputs: a text, texts, the tokens of one, or the tokens of several. Raises `InvalidParameter`."""
    if isinstance(value, str):
        return 1
    if not value:
        raise InvalidParameter(name, "it is empty: give at least one text.")
    kinds = set(map(type, value))
    if len(kinds) > 1:
        raise InvalidParameter(name, "it must be texts, or token ids, or lists of token ids, and not a mixture.")
    if list in kinds and [] in value:
        raise InvalidParameter(f"{name}[{value.index([])}]", "it is empty: the model has nothing to read.")
    return 1 if int in kinds else len(value)


def _tokenize(request: TokenizeRequest) -> Changes:
    if request.messages is UNSET and request.prompt is UNSET:
        raise InvalidParameter("prompt", "it is required, or 'messages' in its place.")
    if request.messages is not UNSET and request.prompt is not UNSET:
        raise InvalidParameter("messages", "'prompt' is given too; give one of them.")
    if request.chat_template:
        raise InvalidParameter("chat_template", "a model has the template that it was launched with.")
    for name in RESERVED & set(request.chat_template_kwargs or ()):
        raise InvalidParameter(f"chat_template_kwargs.{name}", "the server gives it to the template itself.")
    if request.continue_final_message is True and request.add_generation_prompt is not False:
        raise InvalidParameter("continue_final_message", "it needs 'add_generation_prompt' to be false.")
    found: Changes = {"chat_template": UNSET} if request.chat_template is not UNSET else {}
    offered = messages.tools(request.tools) if isinstance(request.tools, list) else ()
    return found | ({"tools": offered or UNSET} if isinstance(request.tools, list) else {})


def _inputs(request: msgspec.Struct) -> Changes:
    texts_or_tokens("input", request.input)  # type: ignore[attr-defined]
    return {}


CHECKS: Mapping[type[msgspec.Struct], Callable[[Any], Changes]] = {
    ChatRequest: _chat,
    CompletionRequest: _completion,
    EmbeddingRequest: _embedding,
    RerankRequest: _rerank,
    TokenizeRequest: _tokenize,
    ClassifyRequest: _inputs,
    PoolingRequest: _inputs,
}


def is_plain(message: RequestMessage) -> bool:
    """Whether a message is a role and a text, so that nothing in it can be wrong."""
    return type(message.content) is str and message.tool_calls is None and message.role not in ("tool", "function")
