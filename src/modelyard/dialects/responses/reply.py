"""A chat completion's answer as a response of OpenAI's `/v1/responses`. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from modelyard.core.errors import ModelyardError, UpstreamFailed
from modelyard.dialects.anthropic.reply import ReplySetting, call_id
from modelyard.dialects.responses.custom import input_text
from modelyard.dialects.responses.reasoning import packed
from modelyard.dialects.responses.request import ENCRYPTED, wants_logprobs
from modelyard.dialects.responses.tools import ToolName, ToolSet
from modelyard.knowledge.answering.citations import likely_source
from modelyard.protocol.chat_parts import CallPart, ChatPart, MessagePart, UsagePart
from modelyard.protocol.responses import ResponseRequest
from modelyard.protocol.responses_answer import (
    FileCitation,
    Incompleteness,
    InputDetails,
    ItemStatus,
    OutputCustomCall,
    OutputDetails,
    OutputFunctionCall,
    OutputItem,
    OutputMessage,
    OutputReasoning,
    OutputRefusal,
    OutputText,
    ResponseAnswer,
    ResponseProblem,
    ResponseUsage,
    Status,
    UrlCitation,
)
from modelyard.protocol.responses_hosted import FilePassage, Source
from modelyard.protocol.responses_items import SummaryText, ThoughtText

MARKS = re.compile(r"\[(\d{1,3}(?:\s*[,，、]\s*\d{1,3})*)\]|【(\d{1,3})】")
"""Numbers of sources in brackets."""
DROPPED = "dropped_tools"
"""The key of an answer's metadata under which the kinds of tools stand that were left out."""


@dataclass(frozen=True, slots=True)
class ResponseSetting:
    """What of a request decides how its answer is written."""

    identity: str
    """The hexadecimal digits of the response's id, of which those of its items are made."""
    answer: ResponseAnswer
    """The response before it has any output."""
    names: Mapping[str, ToolName] = field(default_factory=dict)
    summary: bool = False
    """Whether thoughts are returned as their summary."""
    encrypted: bool = False
    logprobs: bool = False

    def item_id(self, prefix: str, index: int) -> str:
        """The id of an item of the output."""
        return f"{prefix}_{self.identity}{index:04x}"

    def call_id(self, given: str | None, index: int) -> str:
        """The id of a call: the engine's, or one that no other answer has."""
        return call_id(ReplySetting(self.identity, self.answer.model), given, index)


def response_setting(identity: str, created_at: int, request: ResponseRequest, tools: ToolSet) -> ResponseSetting:
    """The setting of a request."""
    reasoning = request.reasoning
    summary = (reasoning.summary or reasoning.generate_summary) if reasoning else None
    form = request.text.format if request.text and request.text.format else None
    shape = {"type": "text"} if form is None else _fields(form, ("type", "name", "schema", "description", "strict"))
    answer = ResponseAnswer(
        id=f"resp_{identity}",
        created_at=created_at,
        instructions=request.instructions,
        max_output_tokens=request.max_output_tokens,
        max_tool_calls=request.max_tool_calls,
        metadata=_metadata(request, tools),
        model=request.model,
        parallel_tool_calls=request.parallel_tool_calls is not False,
        prompt_cache_key=request.prompt_cache_key,
        prompt_cache_retention=request.prompt_cache_retention,
        reasoning={"effort": reasoning.effort if reasoning else None, "summary": summary},
        safety_identifier=request.safety_identifier,
        temperature=1.0 if request.temperature is None else request.temperature,
        text={"format": shape, "verbosity": (request.text.verbosity if request.text else None) or "medium"},
        tool_choice="auto" if request.tool_choice is None else request.tool_choice,
        tools=request.tools or [],
        top_logprobs=request.top_logprobs or 0,
        top_p=1.0 if request.top_p is None else request.top_p,
        truncation=request.truncation or "disabled",
        user=request.user,
    )
    encrypted = ENCRYPTED in (request.include or ())
    return ResponseSetting(identity, answer, tools.names, summary is not None, encrypted, wants_logprobs(request))


def _fields(struct: msgspec.Struct, names: Iterable[str]) -> dict[str, Any]:
    return {name: value for name in names if (value := getattr(struct, name)) is not None}


def _metadata(request: ResponseRequest, tools: ToolSet) -> dict[str, str]:
    found = dict(request.metadata or {})
    return {**found, DROPPED: ", ".join(tools.dropped)[:512]} if tools.dropped else found


def ending(finish: str | None) -> tuple[Status, Incompleteness | None]:
    """The status of a response by the finish reason of its chat completion, and why it is incomplete."""
    if finish == "length":
        return "incomplete", Incompleteness("max_output_tokens")
    if finish == "content_filter":
        return "incomplete", Incompleteness("content_filter")
    return "completed", None


def usage_of(part: UsagePart | None) -> ResponseUsage | None:
    """The tokens; None if the engine has not counted them."""
    if part is None:
        return None
    given, written = part.prompt_tokens or 0, part.completion_tokens or 0
    return ResponseUsage(given, InputDetails(part.cached), written, OutputDetails(part.thinking), given + written)


def added_usage(first: ResponseUsage | None, second: ResponseUsage | None) -> ResponseUsage | None:
    """The tokens of two chat completions together."""
    if first is None or second is None:
        return first or second
    cached = first.input_tokens_details.cached_tokens + second.input_tokens_details.cached_tokens
    thinking = first.output_tokens_details.reasoning_tokens + second.output_tokens_details.reasoning_tokens
    return ResponseUsage(
        first.input_tokens + second.input_tokens,
        InputDetails(cached),
        first.output_tokens + second.output_tokens,
        OutputDetails(thinking),
        first.total_tokens + second.total_tokens,
    )


def texts_of(output: Sequence[Any]) -> tuple[str, str]:
    """The text and the thoughts of items."""
    messages = [item for item in output if isinstance(item, OutputMessage)]
    thoughts = [part for item in output if isinstance(item, OutputReasoning) for part in item.content or item.summary]
    text = "".join(part.text for item in messages for part in item.content if isinstance(part, OutputText))
    return text, "".join(part.text for part in thoughts)


def cited_places(text: str, citations: Sequence[Mapping[str, Any]]) -> list[FileCitation]:
    """The citations of a knowledge base's answer: one for each number in brackets, else at the end of the text."""
    places: dict[int, list[int]] = {}
    for number, begin, _ in marks(text):
        places.setdefault(number, []).append(begin)
    found = [
        FileCitation(place, cited_file(each), str(each.get("document", "")))
        for each in citations
        for place in places.get(int(each.get("number", 0)), [len(text)])
    ]
    return sorted(found, key=lambda each: each.index)


def marks(text: str) -> Iterator[tuple[int, int, int]]:
    """Each number in brackets, with the beginning and the end of the brackets."""
    for match in MARKS.finditer(text):
        for number in re.findall(r"\d+", match[0]):
            yield int(number), match.start(), match.end()


def cited_sources(text: str, sources: Sequence[Source]) -> list[FileCitation | UrlCitation]:
    """What a text that was written after hosted calls cites: each number in brackets, else the source that it is taken from."""
    by_number = {source.number: source for source in sources}
    found = [(by_number[number], begin, end) for number, begin, end in marks(text) if number in by_number]
    if sources and not found and (likely := likely_source(text, sources)) is not None:
        found = [(sources[likely - 1], len(text), len(text))]
    return [
        FileCitation(begin, source.file_id, source.filename)
        if isinstance(source, FilePassage)
        else UrlCitation(begin, end, source.url, source.title)
        for source, begin, end in found
    ]


def cited_file(citation: Mapping[str, Any]) -> str:
    """The id of the document that a citation names: its own, or the one that vector stores make of the document's."""
    if isinstance(given := citation.get("file_id"), str):
        return given
    number = citation.get("document_id")
    return f"file-{number:027x}" if isinstance(number, int) else str(number or "")


def logprobs_of(found: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """The log probabilities of tokens, as parts of a text have them."""
    content = (found or {}).get("content")
    return [
        {
            "token": each.get("token", ""),
            "bytes": each.get("bytes") or [],
            "logprob": each.get("logprob", 0.0),
            "top_logprobs": each.get("top_logprobs") or [],
        }
        for each in (content if isinstance(content, list) else ())
        if isinstance(each, dict)
    ]


def reasoning_item(setting: ResponseSetting, identity: str, thought: str, status: ItemStatus) -> OutputReasoning:
    """Thoughts as an item."""
    item = OutputReasoning(identity, [], status=status)
    if setting.summary:
        item.summary = [SummaryText(thought)]
    else:
        item.content = [ThoughtText(thought)]
    if setting.encrypted:
        item.encrypted_content = packed(thought)
    return item


def call_item(
    setting: ResponseSetting, index: int, call: str, name: str, arguments: str, status: ItemStatus
) -> OutputFunctionCall | OutputCustomCall:
    """A call as an item, with the names that the client knows."""
    tool = setting.names.get(name) or ToolName(name)
    if tool.custom:
        identity = setting.item_id("ctc", index)
        return OutputCustomCall(identity, call, tool.name, input_text(arguments), status, tool.namespace)
    return OutputFunctionCall(setting.item_id("fc", index), call, tool.name, arguments, status, tool.namespace)


def argument_text(call: CallPart) -> str:
    """The arguments of a call, or a piece of them, as a text."""
    found = call.function.arguments
    return msgspec.json.encode(found).decode() if isinstance(found, dict) else found or ""


def response_answer(setting: ResponseSetting, part: ChatPart, completed_at: int) -> ResponseAnswer:
    """The whole response. Raises `UpstreamFailed` if the engine's answer has no message."""
    if not part.choices or part.choices[0].message is None:
        raise UpstreamFailed(setting.answer.model, "its answer has no message.")
    choice = part.choices[0]
    status, details = ending(choice.finish_reason)
    output = _output(setting, part.choices[0].message, part, logprobs_of(choice.logprobs))
    if status == "incomplete" and output:
        output[-1].status = "incomplete"
    return finished(setting, output, status, details, usage_of(part.usage), completed_at)


def finished(
    setting: ResponseSetting,
    output: Sequence[Any],
    status: Status,
    details: Incompleteness | None,
    usage: ResponseUsage | None,
    completed_at: int | None,
) -> ResponseAnswer:
    """The response with its output."""
    return msgspec.structs.replace(
        setting.answer,
        output=list(output),
        status=status,
        incomplete_details=details,
        usage=usage,
        completed_at=completed_at if status == "completed" else None,
    )


def _output(
    setting: ResponseSetting, message: MessagePart, part: ChatPart, logprobs: list[dict[str, Any]]
) -> list[OutputItem]:
    found: list[OutputItem] = []
    if thought := message.thought:
        found.append(reasoning_item(setting, setting.item_id("rs", 0), thought, "completed"))
    content: list[OutputText | OutputRefusal] = []
    if text := message.content:
        cites = cited_places(text, part.citations or ())
        content.append(OutputText(text, cites, logprobs if setting.logprobs else []))
    if message.refusal:
        content.append(OutputRefusal(message.refusal))
    if content:
        found.append(OutputMessage(setting.item_id("msg", len(found)), "completed", content))
    for call in message.tool_calls or ():
        index = len(found)
        named = setting.call_id(call.id, index)
        found.append(call_item(setting, index, named, call.function.name or "", argument_text(call), "completed"))
    return found


CODES: Mapping[int, str] = {400: "invalid_prompt", 413: "invalid_prompt", 429: "rate_limit_exceeded"}
"""Status of an error → code of a response that has failed; else `server_error`."""


def problem_of(error: ModelyardError) -> ResponseProblem:
    """An error as that of a response. At `context_length_exceeded` Codex ends its turn; it waits as long as a rate limit says."""
    code = error.code if error.code == "context_length_exceeded" else CODES.get(error.status, "server_error")
    message = error.message
    if error.status == 429 and error.retry_after:
        message = f"{message.rstrip('.')}. Please try again in {error.retry_after}s."
    return ResponseProblem(code, message)
