"""`POST /v1/chat/completions`: a conversation through the model's template, answered whole or as a stream."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from modelyard.catalog.thinking import SWITCHES
from modelyard.core.errors import InvalidParameter
from modelyard.engines.generation import Grammar, Source
from modelyard.protocol.inference import Message
from modelyard.protocol.tool_calls import Part, whole_calls
from modelyard.serving.app import Answer, Request
from modelyard.serving.batching import Piece
from modelyard.serving.bodies import Chat
from modelyard.serving.calls import MARKS, Calls
from modelyard.serving.constraints import constraint, thoughts_before
from modelyard.serving.generating import DONE, Writer, event, new_id, said, tokens_told
from modelyard.serving.pictures import Prompt, pictures_of, plain_content, prompt_of
from modelyard.serving.text import OPENING, Said, Thoughts
from modelyard.serving.tools import Offer, grammar_of_calls, is_special, offered, with_objects
from modelyard.serving.usage import Count, StreamedUsage, token_ids


@dataclass(slots=True)
class Choice:
    """One answer as it grows."""

    thoughts: Thoughts | None
    """None where the model has none."""
    calls: Calls | None = None
    """None where none can be made."""
    parts: list[Part] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    thought: list[str] = field(default_factory=list)
    logprobs: list[dict[str, Any]] = field(default_factory=list)
    """Not yet told, when streaming."""
    ids: list[int] = field(default_factory=list)
    """The same of its tokens."""
    finish: str | None = None

    def add(self, piece: Piece) -> tuple[Said, tuple[Part, ...]]:
        """What a piece adds, divided; and of calls."""
        self.finish = piece.finish
        found = self._divided(piece)
        if self.calls is None:
            return found, ()
        text, parts = self.calls.add(found.text)
        if piece.finish is not None:
            rest = self.calls.end()
            text, parts = text + rest.text, parts + rest.parts
            if self.calls.count and self.finish == "stop":
                self.finish = "tool_calls"
        return found._replace(text=text), parts

    def _divided(self, piece: Piece) -> Said:
        if self.thoughts is None:
            return Said(text=piece.text)
        found = self.thoughts.add(piece.text)
        if piece.finish is None:
            return found
        rest = self.thoughts.end()
        return Said(found.thought + rest.thought, found.text + rest.text)


class Conversation:
    """One request and its answers."""

    def __init__(self, writer: Writer, request: Chat, prompt: Prompt, offer: Offer | None, source: Source) -> None:
        self.writer = writer
        self.request = request
        self.head = {
            "id": new_id("chatcmpl"),
            "created": int(time.time()),
            "model": request.model,
            "system_fingerprint": writer.fingerprint,
        }
        self.prompt = prompt.tokens
        wanted = said(request.max_completion_tokens, said(request.max_tokens, None))
        limits = writer.limits(request, self.prompt, wanted, "messages", chat=True)
        self.count = said(request.n, 1)
        top = said(request.top_logprobs, 0) if request.logprobs is True else None
        self.grammar, self.grammar_of = wanted_grammar(writer, request, offer, prompt.text)
        wishes = [writer.wish(request, choice, top, self.grammar) for choice in range(self.count)]
        open = prompt.text.rstrip().endswith(OPENING)
        self.choices = [
            Choice(Thoughts(open) if writer.language.thinks else None, offer.calls() if offer else None)
            for _ in range(self.count)
        ]
        if offer and is_special(writer.language, MARKS[offer.format]):
            limits = replace(limits, skip_special=False)
        self.counted = Count([self.prompt], self.count)
        self.counted.thought = 0
        self.usage = StreamedUsage(request)
        self._pieces = writer.answers([self.prompt] * self.count, wishes, [limits] * self.count, source)

    async def said(self) -> AsyncGenerator[tuple[int, Choice, Said, tuple[Part, ...]]]:
        """What each piece adds."""
        async with contextlib.aclosing(self._pieces) as pieces:
            async for index, piece in pieces:
                choice = self.choices[index]
                self.counted.add(index, piece)
                choice.ids += token_ids(piece)
                if piece.drawn is not None and self.request.logprobs is True:
                    choice.logprobs.append(tokens_told(self.writer, piece.drawn))
                found = choice.add(piece)
                if piece.drawn is not None and choice.thoughts is not None and choice.thoughts.under_way:
                    self.counted.thought = (self.counted.thought or 0) + 1
                yield index, choice, *found

    async def whole(self) -> bytes:
        """The answers in one document."""
        async with contextlib.aclosing(self.said()) as all:
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
            "usage": self.counted.told(),
        }
        return msgspec.json.encode({**body, "prompt_token_ids": self.prompt} if with_ids else body)

    async def events(self) -> AsyncGenerator[bytes]:
        """The answers as they come."""
        for index in range(self.count):
            yield self._event(index, {"role": "assistant", "content": ""})
        async with contextlib.aclosing(self.said()) as all:
            async for index, choice, found, parts in all:
                if found.thought:
                    yield self._event(index, {"content": None, **thoughts(found.thought)})
                if found.text or (choice.logprobs and not found.thought and not parts):
                    yield self._event(index, {"content": found.text}, _taken(choice))
                if parts:
                    calls = [part.delta() for part in parts]
                    yield self._event(index, {"content": None, "tool_calls": calls}, _taken(choice))
                if choice.finish:
                    yield self._event(index, {"content": ""}, None, choice.finish)
        if self.usage.wanted:
            counted = self.counted.told()
            yield event({**self.head, "object": "chat.completion.chunk", "choices": [], "usage": counted})
        yield DONE

    def _event(self, index: int, delta: dict[str, Any], logprobs: Any = None, finish: str | None = None) -> bytes:
        """One chunk. Each delta has `content`, which Xinference's clients read without looking whether it is there."""
        choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
        chunk = {**self.head, "object": "chat.completion.chunk", "choices": [choice], **self.usage.so_far(self.counted)}
        if self.request.return_token_ids is True:
            first = "role" in delta
            choice["token_ids"], self.choices[index].ids = None if first else self.choices[index].ids, []
            chunk |= {"prompt_token_ids": self.prompt} if first else {}
        return event(chunk)


def _taken(choice: Choice) -> dict[str, Any] | None:
    told, choice.logprobs = choice.logprobs, []
    return {"content": told} if told else None


def _choice(index: int, choice: Choice) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": "".join(choice.text)}
    if thought := "".join(choice.thought):
        message |= thoughts(thought)
    if choice.parts:
        message["content"] = message["content"] or None
        message["tool_calls"] = whole_calls(choice.parts)
    return {"index": index, "message": message, "logprobs": _taken(choice), "finish_reason": choice.finish}


def thoughts(text: str) -> dict[str, str]:
    """Thoughts by the name that DeepSeek gave them and most clients read, and by the newer one of vLLM and OpenRouter."""
    return {"reasoning_content": text, "reasoning": text}


def plain(message: Message) -> dict[str, Any]:
    """A message as templates know it: texts for content, `system` for `developer`, thoughts by one name.

    Raises `InvalidParameter`.
    """
    found = {name: value for name, value in msgspec.to_builtins(message).items() if value is not None}
    if thought := found.pop("reasoning", None):
        found.setdefault("reasoning_content", thought)
    found["role"] = "system" if message.role == "developer" else message.role
    if isinstance(message.content, list):
        found["content"] = plain_content(message.content)
    return {"content": "", **found}


def variables(request: Chat) -> dict[str, Any]:
    """What the template is told beside the messages."""
    found: dict[str, Any] = {}
    if isinstance(request.enable_thinking, bool):
        found["enable_thinking"] = request.enable_thinking
    given = said(request.chat_template_kwargs, {})
    reserved = {"messages", "tokenize", "conversation", "tools"} & set(given)
    if reserved:
        raise InvalidParameter("chat_template_kwargs", f"may not hold '{sorted(reserved)[0]}'.")
    found.update(given)
    return found


def rendered(writer: Writer, request: Chat, offer: Offer | None) -> str:
    """The conversation as the template writes it. Some templates want the arguments of calls as their text."""
    messages = [plain(message) for message in request.messages]
    given = variables(request) | ({"tools": offer.tools} if offer else {})
    objects = [with_objects(message) for message in messages]
    try:
        return writer.language.render(objects, **given)
    except InvalidParameter:
        if objects == messages:
            raise
        return writer.language.render(messages, **given)


def wanted_grammar(writer: Writer, request: Chat, offer: Offer | None, prompt: str) -> tuple[Grammar | None, str]:
    """What the answer must follow, and the parameter that says so."""
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


async def chat(request: Request, writer: Writer) -> Answer:
    """The handler."""
    asked = request.read(Chat)
    source = writer.adapters.source(asked.model)
    pictures = await pictures_of(writer, asked.messages)
    offer = offered(asked, writer.language.template, writer.tool_call_parser)
    prompt = await prompt_of(writer, rendered(writer, asked, offer), pictures)
    source = replace(source, pictures=prompt.source.pictures)
    conversation = Conversation(writer, asked, prompt, offer, source)
    await writer.check_grammar(conversation.grammar, conversation.grammar_of)
    return conversation.events() if asked.stream else await conversation.whole()
