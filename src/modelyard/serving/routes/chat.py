"""`POST /v1/chat/completions`: applies the chat template, and answers as a whole or as a stream."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from modelyard.catalog.thinking import SWITCHES
from modelyard.core.errors import InvalidParameter
from modelyard.engines.generation import Grammar, PromptSource
from modelyard.protocol.inference import RequestMessage
from modelyard.protocol.tool_calls import Part, whole_calls
from modelyard.serving.app import Answer, ReplicaRequest
from modelyard.serving.batching import AnswerPiece
from modelyard.serving.bodies import ChatBody
from modelyard.serving.calls import MARKS, Calls
from modelyard.serving.constraints import constraint, thoughts_before
from modelyard.serving.generating import DONE, Writer, event, new_id, token_logprobs, value_or
from modelyard.serving.pictures import ChatPrompt, pictures_of, plain_content, prompt_of
from modelyard.serving.text import OPENING, DividedText, Thoughts
from modelyard.serving.tools import Offer, grammar_of_calls, is_special, offer_of, with_objects
from modelyard.serving.usage import StreamedUsage, UsageCount, token_ids


@dataclass(slots=True)
class ChatChoice:
    """One choice of an answer while it is generated."""

    thoughts: Thoughts | None
    """None if the model does not think."""
    calls: Calls | None = None
    """None if the answer cannot call tools."""
    parts: list[Part] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    thought: list[str] = field(default_factory=list)
    logprobs: list[dict[str, Any]] = field(default_factory=list)
    """Log probabilities that have not been sent yet."""
    ids: list[int] = field(default_factory=list)
    """Ids of the tokens that have not been sent yet."""
    finish: str | None = None
    stop: str | None = None
    """The stop string that ended it."""

    def add(self, piece: AnswerPiece) -> tuple[DividedText, tuple[Part, ...]]:
        """Add a piece; returns the thoughts and text that it adds, and the parts of tool calls."""
        self.finish, self.stop = piece.finish, piece.stop
        found = self._divide(piece)
        if self.calls is None:
            return found, ()
        text, parts = self.calls.add(found.text)
        if piece.finish is not None:
            rest = self.calls.end()
            text, parts = text + rest.text, parts + rest.parts
            if self.calls.count and self.finish == "stop":
                self.finish = "tool_calls"
        return found._replace(text=text), parts

    def _divide(self, piece: AnswerPiece) -> DividedText:
        if self.thoughts is None:
            return DividedText(text=piece.text)
        found = self.thoughts.add(piece.text)
        if piece.finish is None:
            return found
        rest = self.thoughts.end()
        return DividedText(found.thought + rest.thought, found.text + rest.text)


class ChatAnswer:
    """One request and its choices."""

    def __init__(
        self, writer: Writer, request: ChatBody, prompt: ChatPrompt, offer: Offer | None, source: PromptSource
    ) -> None:
        self.writer = writer
        self.request = request
        self.head = {
            "id": new_id("chatcmpl"),
            "created": int(time.time()),
            "model": request.model,
            "system_fingerprint": writer.fingerprint,
        }
        self.prompt = prompt.tokens
        max_tokens = value_or(request.max_completion_tokens, value_or(request.max_tokens, None))
        limits = writer.limits(request, self.prompt, max_tokens, "messages", chat=True)
        self.count = value_or(request.n, 1)
        top = value_or(request.top_logprobs, 0) if request.logprobs is True else None
        self.grammar, self.grammar_of = answer_grammar(writer, request, offer, prompt.text)
        samplings = [writer.sampling(request, choice, top, self.grammar) for choice in range(self.count)]
        open = prompt.text.rstrip().endswith(OPENING)
        self.choices = [
            ChatChoice(Thoughts(open) if writer.language.thinks else None, offer.calls() if offer else None)
            for _ in range(self.count)
        ]
        if offer and is_special(writer.language, MARKS[offer.format]):
            limits = replace(limits, skip_special=False)
        self.usage_count = UsageCount([self.prompt], self.count)
        self.usage_count.thought = 0
        self.usage = StreamedUsage(request)
        self._pieces = writer.answers([self.prompt] * self.count, samplings, [limits] * self.count, source)

    async def parts(self) -> AsyncGenerator[tuple[int, ChatChoice, DividedText, tuple[Part, ...]]]:
        """Yield each piece with its choice, the text and thoughts that it adds, and the parts of calls."""
        async with contextlib.aclosing(self._pieces) as pieces:
            async for index, piece in pieces:
                choice = self.choices[index]
                self.usage_count.add(index, piece)
                choice.ids += token_ids(piece)
                if piece.drawn is not None and self.request.logprobs is True:
                    choice.logprobs.append(token_logprobs(self.writer, piece.drawn))
                found = choice.add(piece)
                if piece.drawn is not None and choice.thoughts is not None and choice.thoughts.under_way:
                    self.usage_count.thought = (self.usage_count.thought or 0) + 1
                yield index, choice, *found

    async def whole(self) -> bytes:
        """Return all choices in one document."""
        async with contextlib.aclosing(self.parts()) as all:
            async for _, choice, found, parts in all:
                choice.text.append(found.text)
                choice.parts += parts
                choice.thought.append(found.thought)
        with_ids = self.request.return_token_ids is True
        body = {
            **self.head,
            "object": "chat.completion",
            "choices": [
                {**_choice(index, choice), **({"token_ids": choice.ids} if with_ids else {})}
                for index, choice in enumerate(self.choices)
            ],
            "usage": self.usage_count.as_json(),
        }
        return msgspec.json.encode({**body, "prompt_token_ids": self.prompt} if with_ids else body)

    async def events(self) -> AsyncGenerator[bytes]:
        """Yield the choices as events while they are generated."""
        for index in range(self.count):
            yield self._event(index, {"role": "assistant", "content": ""})
        async with contextlib.aclosing(self.parts()) as all:
            async for index, choice, found, parts in all:
                if found.thought:
                    yield self._event(index, {"content": None, **thoughts(found.thought)})
                if found.text or (choice.logprobs and not found.thought and not parts):
                    yield self._event(index, {"content": found.text}, _take_logprobs(choice))
                if parts:
                    calls = [part.delta() for part in parts]
                    yield self._event(index, {"content": None, "tool_calls": calls}, _take_logprobs(choice))
                if choice.finish:
                    yield self._event(index, {"content": ""}, None, choice)
        if self.usage.at_end:
            usage_count = self.usage_count.as_json()
            yield event({**self.head, "object": "chat.completion.chunk", "choices": [], "usage": usage_count})
        yield DONE

    def _event(self, index: int, delta: dict[str, Any], logprobs: Any = None, ended: ChatChoice | None = None) -> bytes:
        """Encode one chunk. Each delta has `content`, because Xinference's clients read that field unconditionally."""
        choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": ended and ended.finish}
        if ended is not None and ended.stop:
            choice["stop_reason"] = ended.stop
        chunk = {
            **self.head,
            "object": "chat.completion.chunk",
            "choices": [choice],
            **self.usage.so_far(self.usage_count),
        }
        if self.request.return_token_ids is True:
            first = "role" in delta
            choice["token_ids"], self.choices[index].ids = None if first else self.choices[index].ids, []
            chunk |= {"prompt_token_ids": self.prompt} if first else {}
        return event(chunk)


def _take_logprobs(choice: ChatChoice) -> dict[str, Any] | None:
    logprobs, choice.logprobs = choice.logprobs, []
    return {"content": logprobs} if logprobs else None


def _choice(index: int, choice: ChatChoice) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": "".join(choice.text)}
    if thought := "".join(choice.thought):
        message |= thoughts(thought)
    if choice.parts:
        message["content"] = message["content"] or None
        message["tool_calls"] = whole_calls(choice.parts)
    stop = {"stop_reason": choice.stop} if choice.stop else {}
    return {
        "index": index,
        "message": message,
        "logprobs": _take_logprobs(choice),
        "finish_reason": choice.finish,
        **stop,
    }


def thoughts(text: str) -> dict[str, str]:
    """The thoughts under DeepSeek's field name, which most clients read, and the newer one of vLLM and OpenRouter."""
    return {"reasoning_content": text, "reasoning": text}


def plain(message: RequestMessage) -> dict[str, Any]:
    """Convert a message for the template: content as text, `developer` as `system`, thoughts in one field.

    Raises `InvalidParameter`.
    """
    found = {name: value for name, value in msgspec.to_builtins(message).items() if value is not None}
    if thought := found.pop("reasoning", None):
        found.setdefault("reasoning_content", thought)
    found["role"] = "system" if message.role == "developer" else message.role
    if isinstance(message.content, list):
        found["content"] = plain_content(message.content)
    return {"content": "", **found}


def variables(request: ChatBody) -> dict[str, Any]:
    """The variables of the template other than the messages."""
    found: dict[str, Any] = {}
    if isinstance(request.enable_thinking, bool):
        found["enable_thinking"] = request.enable_thinking
    given = value_or(request.chat_template_kwargs, {})
    reserved = {"messages", "tokenize", "conversation", "tools"} & set(given)
    if reserved:
        raise InvalidParameter("chat_template_kwargs", f"it may not hold '{sorted(reserved)[0]}'.")
    found.update(given)
    return found


def render_prompt(writer: Writer, request: ChatBody, offer: Offer | None) -> str:
    """Render the conversation with the chat template. Some templates expect the arguments of calls as JSON text."""
    messages = [plain(message) for message in request.messages]
    given = variables(request) | ({"tools": offer.tools} if offer else {})
    objects = [with_objects(message) for message in messages]
    try:
        return writer.language.render(objects, **given)
    except InvalidParameter:
        if objects == messages:
            raise
        return writer.language.render(messages, **given)


def answer_grammar(writer: Writer, request: ChatBody, offer: Offer | None, prompt: str) -> tuple[Grammar | None, str]:
    """Return the grammar that the answer must follow, and the parameter that it comes from."""
    found = constraint(request)
    if offer is not None and offer.must:
        found = grammar_of_calls(offer, writer.language), "tools"
    elif offer is not None and found is not None:
        found = replace(found[0], instead=grammar_of_calls(offer, writer.language)), found[1]
    if found is None:
        return None, ""
    language = writer.language
    given = variables(request)
    off = any(given.get(switch, language.thinking) is False for switch in SWITCHES)
    return replace(found[0], thoughts=thoughts_before(prompt, language.thinks, off)), found[1]


async def chat(request: ReplicaRequest, writer: Writer) -> Answer:
    """Handle `/v1/chat/completions`."""
    body = request.read(ChatBody)
    source = writer.adapters.source(body.model)
    pictures = await pictures_of(writer, body.messages)
    offer = offer_of(body, writer.language.template, writer.tool_call_parser)
    prompt = await prompt_of(writer, render_prompt(writer, body, offer), pictures)
    source = replace(source, pictures=prompt.source.pictures)
    conversation = ChatAnswer(writer, body, prompt, offer, source)
    await writer.check_grammar(conversation.grammar, conversation.grammar_of)
    return conversation.events() if body.stream else await conversation.whole()
