"""Gathers the events of llama.cpp's streams into whole answers. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from modelyard.engines.llama_cpp import logprobs
from modelyard.engines.llama_cpp.plans import Body
from modelyard.engines.llama_cpp.tool_calls import Reading

HEAD = ("id", "created", "model", "system_fingerprint")
COUNTS = ("prompt_tokens", "completion_tokens")


def as_event(answer: Body) -> Body:
    """A whole answer of llama.cpp in the form of a single stream event."""
    for choice in answer.get("choices") or ():
        message = choice.pop("message", None)
        if isinstance(message, dict):
            calls = message.get("tool_calls") or ()
            choice["delta"] = {**message, "tool_calls": [{**call, "index": at} for at, call in enumerate(calls)]}
    return answer


def head_of(data: Body) -> Body:
    """The fields that all events of an answer share."""
    return {key: data[key] for key in HEAD if key in data}


class UsageSum:
    """The token counts summed over all choices. A prompt counts once, however many choices it has."""

    def __init__(self, choices_per_prompt: int) -> None:
        self._per_prompt = max(1, choices_per_prompt)
        self._prompts: set[int] = set()
        self.total: Body = {}

    def add(self, usage: Any, index: int = 0) -> None:
        """Add the counts of the choice `index`."""
        if not isinstance(usage, dict):
            return
        counted = {name: usage[name] if isinstance(usage.get(name), int) else 0 for name in COUNTS}
        if not self.total:
            self.total = {**usage, **counted}
        else:
            self.total["completion_tokens"] += counted["completion_tokens"]
            if index // self._per_prompt not in self._prompts:
                self.total["prompt_tokens"] += counted["prompt_tokens"]
                self._add_details(usage)
        self.total["total_tokens"] = self.total["completion_tokens"] + self.total["prompt_tokens"]
        self._prompts.add(index // self._per_prompt)

    def _add_details(self, usage: Body) -> None:
        mine, more = self.total.get("prompt_tokens_details"), usage.get("prompt_tokens_details")
        if isinstance(mine, dict) and isinstance(more, dict):
            self.total["prompt_tokens_details"] = {
                name: mine[name] + more.get(name, 0) for name in mine if isinstance(mine[name], int)
            }


class ChatGatherer:
    """Gathers the chunks of a streamed chat into one `chat.completion`."""

    def __init__(self, top: int | None = None, reading: Callable[[], Reading] | None = None) -> None:
        """`top` alternatives of each token are kept; `reading` finds the calls in an answer that consists of calls only."""
        self._top = top
        self._reading = reading
        self._head: Body = {}
        self._choices: dict[int, Body] = {}
        self._usage = UsageSum(choices_per_prompt=1_000_000)

    def event(self, data: Body) -> None:
        self._head = self._head or head_of(data)
        if "timings" in data:
            self._head["timings"] = data["timings"]
        self._usage.add(data.get("usage"))
        for chunk in data.get("choices") or ():
            index = chunk.get("index") or 0
            choice = self._choices.setdefault(
                index, {"index": index, "text": [], "thought": [], "calls": {}, "logprobs": [], "finish_reason": None}
            )
            self._delta(choice, chunk.get("delta") or {})
            choice["logprobs"] += logprobs.tokens((chunk.get("logprobs") or {}).get("content"), self._top)
            choice["finish_reason"] = chunk.get("finish_reason") or choice["finish_reason"]
            choice.update(stop_of(chunk))

    def _delta(self, choice: Body, delta: Body) -> None:
        if text := delta.get("content"):
            choice["text"].append(text)
        if thought := delta.get("reasoning_content"):
            choice["thought"].append(thought)
        for part in delta.get("tool_calls") or ():
            call = choice["calls"].setdefault(
                part.get("index") or 0, {"id": "", "type": "function", "name": "", "arguments": []}
            )
            call["id"] = part.get("id") or call["id"]
            function = part.get("function") or {}
            call["name"] += function.get("name") or ""
            call["arguments"].append(function.get("arguments") or "")

    def answer(self) -> Body:
        choices = [self._choice(choice) for _, choice in sorted(self._choices.items())]
        return {**self._head, "object": "chat.completion", "choices": choices, "usage": self._usage.total}

    def _choice(self, choice: Body) -> Body:
        text = "".join(choice["text"])
        calls = [_call(call) for _, call in sorted(choice["calls"].items())]
        finish = choice["finish_reason"]
        if self._reading is not None:
            reading = self._reading()
            calls, text = reading.whole(text), ""
            finish = "tool_calls" if finish == "stop" and calls else finish
        scored = logprobs.without_end(choice["logprobs"], finish)
        message: Body = {"role": "assistant", "content": text}
        if choice["thought"]:
            message["reasoning_content"] = message["reasoning"] = "".join(choice["thought"])
        if calls:
            message["content"] = text or None
            message["tool_calls"] = calls
        return {
            "index": choice["index"],
            "message": message,
            "logprobs": {"content": scored} if scored else None,
            "finish_reason": finish,
            **stop_of(choice),
        }


def stop_of(choice: Mapping[str, Any]) -> Body:
    """The field with the stop string that ended a choice, as vLLM has it; empty if none did."""
    return {"stop_reason": choice["stop_reason"]} if choice.get("stop_reason") else {}


def _call(call: Mapping[str, Any]) -> Body:
    function = {"name": call["name"], "arguments": "".join(call["arguments"])}
    return {"id": call["id"], "type": call["type"], "function": function}


class CompletionGatherer:
    """Gathers the chunks of a streamed completion into one `text_completion`."""

    def __init__(self, choices_per_prompt: int, top: int | None = None) -> None:
        self._per_prompt = choices_per_prompt
        self._top = top
        self._head: Body = {}
        self._choices: dict[int, Body] = {}
        self._usages: dict[int, Body] = {}

    def event(self, data: Body) -> None:
        self._head = self._head or head_of(data)
        if "timings" in data:
            self._head["timings"] = data["timings"]
        for chunk in data.get("choices") or ():
            index = chunk.get("index") or 0
            choice = self._choices.setdefault(index, {"text": [], "logprobs": [], "finish_reason": None})
            choice["text"].append(chunk.get("text") or "")
            choice["logprobs"] += logprobs.tokens((chunk.get("logprobs") or {}).get("content"), self._top)
            choice["finish_reason"] = chunk.get("finish_reason") or choice["finish_reason"]
            choice.update(stop_of(chunk))
            if usage := data.get("usage"):
                self._usages[index] = usage

    def answer(self) -> Body:
        usage = UsageSum(self._per_prompt)
        for index, part in sorted(self._usages.items()):
            usage.add(part, index)
        choices = [
            {
                "index": index,
                "text": "".join(choice["text"]),
                "logprobs": _legacy(choice),
                "finish_reason": choice["finish_reason"],
                **stop_of(choice),
            }
            for index, choice in sorted(self._choices.items())
        ]
        head = {**self._head, "id": completion_id(str(self._head.get("id", "")))}
        return {**head, "object": "text_completion", "choices": choices, "usage": usage.total}


def _legacy(choice: Body) -> Body | None:
    scored = logprobs.without_end(choice["logprobs"], choice["finish_reason"])
    return logprobs.legacy(scored) if scored else None


def completion_id(given: str) -> str:
    """The id of a completion; llama.cpp gives it the id of a chat."""
    return "cmpl-" + given.removeprefix("chatcmpl-")
