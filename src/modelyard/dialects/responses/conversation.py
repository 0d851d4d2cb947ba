"""The items of OpenAI's `/v1/responses` as messages of a chat completion. Pure: documents have their text already."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from modelyard.core.errors import InvalidParameter
from modelyard.dialects.alternating import AlternatingMessages, Body
from modelyard.dialects.anthropic.conversation import REMINDER
from modelyard.dialects.parts import document_text, text_part
from modelyard.dialects.responses.custom import arguments_of
from modelyard.dialects.responses.earlier_calls import HOSTED, call_and_result, without_answered
from modelyard.dialects.responses.reasoning import unpacked
from modelyard.dialects.responses.tools import flat_name
from modelyard.protocol.messages import FILE_FIELDS
from modelyard.protocol.responses_items import (
    AgentMessageItem,
    AnyItem,
    AnyPart,
    CustomCallItem,
    CustomOutputItem,
    EarlierRefusal,
    EarlierText,
    FileInput,
    FunctionCallItem,
    FunctionOutputItem,
    ImageInput,
    MessageItem,
    ReasoningItem,
    SoundInput,
    TextInput,
)

Placed = tuple[AnyItem, str]
"""An item and its place in the request."""
DEVELOPERS = ("system", "developer")
OUTPUTS, CALLS, TEXTS = (
    (FunctionOutputItem, CustomOutputItem),
    (FunctionCallItem, CustomCallItem),
    (TextInput, EarlierText),
)
"""For `isinstance`: a union would be made anew for each item."""


def chat_messages(instructions: str | None, items: Sequence[Placed], last_only: bool = False) -> list[Body]:
    """The messages of a chat completion. Raises `InvalidParameter`, which names the place.

    With `last_only`, of messages of the user that follow each other the last one stays: the question, without what agents
    add for models.
    """
    count = next((index for index, (item, _) in enumerate(items) if not _is_developers(item)), len(items))
    texts = [instructions] if instructions else []
    texts += [text for item, _ in items[:count] if isinstance(item, MessageItem) and (text := _text_of(item.content))]
    joiner = MessageJoiner(last_only)
    for item, place in without_answered(items[count:]):
        joiner.add(item, place)
    found = joiner.messages()
    if not found:
        raise InvalidParameter("input", "it is required: a text, or items of which one is a message of the user.")
    return [{"role": "system", "content": "\n\n".join(texts)}, *found] if texts else found


def _is_developers(item: AnyItem) -> bool:
    return isinstance(item, MessageItem) and item.role in DEVELOPERS


class MessageJoiner:
    """Collects items as messages of alternating roles. Pictures in the results of tools follow in the user's next message."""

    def __init__(self, last_only: bool = False) -> None:
        self._last_only = last_only
        self._joined = AlternatingMessages("\n\n")
        self._results: list[Body] = []
        """What hosted calls have returned, which stands behind all calls of their message."""

    def add(self, item: AnyItem, place: str) -> None:
        """Add an item. Raises `InvalidParameter`."""
        if isinstance(item, MessageItem):
            self._add_message(item, place)
        elif isinstance(item, AgentMessageItem):
            self._add_user([text_part(_agent_text(item))])
        elif isinstance(item, OUTPUTS):
            self._add_output(item, place)
        elif isinstance(item, CALLS):
            self._flush()
            self._joined.add({"role": "assistant", "content": None, "tool_calls": [_call(item)]})
        elif isinstance(item, HOSTED) and (found := call_and_result(item, place)):
            self._flush()
            self._joined.add({"role": "assistant", "content": None, "tool_calls": [found[0]]})
            self._results.append(found[1])
        elif isinstance(item, ReasoningItem) and (thought := thought_of(item)):
            self._flush()
            self._joined.add({"role": "assistant", "content": None, "reasoning_content": thought})

    def messages(self) -> list[Body]:
        """The messages of all items."""
        self._flush()
        self._release()
        return self._joined.ended()

    def _add_message(self, item: MessageItem, place: str) -> None:
        if item.role in DEVELOPERS:
            if text := _text_of(item.content):
                self._joined.parts.append(text_part(REMINDER.format(text=text)))
        elif item.role == "assistant":
            self._flush()
            self._release()
            self._joined.add({"role": "assistant", "content": _text_of(item.content)})
        else:
            self._add_user(content_parts(item.content, f"{place}.content"))

    def _add_user(self, parts: list[Body]) -> None:
        self._release()
        if self._last_only and self._joined.messages and self._joined.messages[-1]["role"] == "user":
            self._joined.messages.pop()
        self._joined.parts += parts
        self._flush()

    def _add_output(self, item: FunctionOutputItem | CustomOutputItem, place: str) -> None:
        parts = content_parts(item.output, f"{place}.output")
        message: Body = {"role": "tool", "content": "\n".join(part["text"] for part in parts if part["type"] == "text")}
        if item.call_id is not None:
            message["tool_call_id"] = item.call_id
        self._release()
        self._joined.messages.append(message)
        if others := [part for part in parts if part["type"] != "text"]:
            self._joined.parts += [text_part(f"Pictures of the result of call {item.call_id}:"), *others]

    def _flush(self) -> None:
        if self._joined.parts:
            self._release()
            self._joined.flush()

    def _release(self) -> None:
        """Add the results of hosted calls, after which their message gets no further calls."""
        self._joined.messages += self._results
        self._results = []


def thought_of(item: ReasoningItem) -> str:
    """The thoughts of an item: those that it shows, else those in its `encrypted_content`, else its summary."""
    text = "".join(part.text for part in item.content or ())
    return text or unpacked(item.encrypted_content or "") or "".join(part.text for part in item.summary or ())


def _call(item: FunctionCallItem | CustomCallItem) -> Body:
    arguments = item.arguments if isinstance(item, FunctionCallItem) else arguments_of(item.input)
    function = {"name": flat_name(item.name, item.namespace), "arguments": arguments}
    return {"id": item.call_id, "type": "function", "function": function}


def _agent_text(item: AgentMessageItem) -> str:
    content = [{"text": item.content}] if isinstance(item.content, str) else item.content
    text = "\n".join(part["text"] for part in content if isinstance(part.get("text"), str))
    return f"Message of agent {item.author}:\n{text}" if item.author else text


def _text_of(content: str | Sequence[AnyPart]) -> str:
    """The text of a message of a developer or of the assistant."""
    if isinstance(content, str):
        return content
    if len(content) == 1 and isinstance(part := content[0], TEXTS):
        return part.text
    return "\n".join(_texts(content))


def _texts(parts: Iterable[AnyPart]) -> Iterable[str]:
    for part in parts:
        if isinstance(part, TEXTS):
            yield part.text
        elif isinstance(part, EarlierRefusal):
            yield part.refusal
        elif isinstance(part, FileInput) and part.text is not None:
            yield document_text(part.text, part.filename)


def content_parts(content: str | Sequence[AnyPart], place: str) -> list[Body]:
    """The parts of a message of the user, or of the result of a tool. Raises `InvalidParameter`."""
    if isinstance(content, str):
        return [text_part(content)]
    if len(content) == 1 and isinstance(part := content[0], TEXTS):
        return [text_part(part.text)]
    parts = [_part(part, f"{place}[{index}]") for index, part in enumerate(content)]
    return [part for part in parts if part != text_part("")] or parts[:1]


def _part(part: AnyPart, place: str) -> Body:
    if isinstance(part, ImageInput):
        if not part.image_url:
            raise InvalidParameter(f"{place}.image_url", "it is required: an address or a data URL; or give 'file_id'.")
        detail = {"detail": part.detail} if part.detail in ("low", "high", "auto") else {}
        return {"type": "image_url", "image_url": {"url": part.image_url, **detail}}
    if isinstance(part, SoundInput):
        sound = part.input_audio
        return {"type": "input_audio", "input_audio": {"data": sound.data, "format": sound.format}}
    if isinstance(part, FileInput):
        if part.text is None:  # the gateway reads it (`dialects/chat_files.py`)
            named = {name: value for name in FILE_FIELDS if (value := getattr(part, name)) is not None}
            return {"type": "file", "file": named}
        return text_part(document_text(part.text, part.filename))
    return text_part(part.refusal if isinstance(part, EarlierRefusal) else part.text)
