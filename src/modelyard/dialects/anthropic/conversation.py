"""The messages of Anthropic's API as messages of a chat completion. Pure: documents have their text already."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from modelyard.core.errors import InvalidParameter
from modelyard.dialects.alternating import AlternatingMessages, Body
from modelyard.dialects.anthropic.signatures import thought_of
from modelyard.dialects.parts import document_text, plain, text_part
from modelyard.protocol.anthropic import (
    AnyBlock,
    Base64Data,
    BlockData,
    ConversationTurn,
    DocumentBlock,
    ImageBlock,
    LinkedData,
    PlainData,
    SearchResultBlock,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
)

BILLING = "x-anthropic-billing-header"
"""How a system block begins that Claude Code sends for Anthropic's accounts. It would end the cached prefix of a prompt."""
REMINDS = "<system-reminder>"
REMINDER = "<system-reminder>\n{text}\n</system-reminder>"
"""A system message between turns. Few chat templates have a place for one, so it becomes a part of the user's turn."""


def chat_messages(system: str | Sequence[TextBlock] | None, turns: Sequence[ConversationTurn]) -> list[Body]:
    """The messages of a chat completion. Raises `InvalidParameter`, which names the place."""
    first, rest = _leading(turns)
    texts = [*_system_texts(system), *(text for turn in first for text in _system_texts(turn.content))]
    joiner = TurnJoiner()
    for index, turn in enumerate(rest, len(first)):
        joiner.add(turn, f"messages[{index}].content")
    found = joiner.messages()
    if not found:
        raise InvalidParameter("messages", "there must be a message of the user that is not empty.")
    return [{"role": "system", "content": "\n\n".join(texts)}, *found] if texts else found


def _leading(turns: Sequence[ConversationTurn]) -> tuple[Sequence[ConversationTurn], Sequence[ConversationTurn]]:
    """The system messages before the first turn, and the others."""
    count = next((index for index, turn in enumerate(turns) if turn.role != "system"), len(turns))
    return turns[:count], turns[count:]


def _system_texts(content: str | Sequence[AnyBlock] | None) -> list[str]:
    """The texts of a system message that are not empty, without billing data."""
    if content is None or isinstance(content, str):
        return [content] if content else []
    texts = [block.text for block in content if isinstance(block, TextBlock)]
    return [text for text in texts if text and not text.startswith(BILLING)]


def question_only(messages: Sequence[Body]) -> list[Body]:
    """Messages for a knowledge base, which searches for the words of the last one: without what agents add for models."""
    found = []
    for message in messages:
        content = message["content"]
        if message["role"] == "user" and isinstance(content, list):
            kept = [part for part in content if not str(part.get("text", "")).lstrip().startswith(REMINDS)]
            message = {**message, "content": plain(kept or content)}
        found.append(message)
    return found


class TurnJoiner:
    """Collects turns as messages of alternating roles, with the results of tools before what else a user's turn has."""

    def __init__(self) -> None:
        self._joined = AlternatingMessages()

    def add(self, turn: ConversationTurn, place: str) -> None:
        """Add a turn. Raises `InvalidParameter`."""
        if turn.role == "system":
            self._joined.parts += [text_part(REMINDER.format(text=text)) for text in _system_texts(turn.content)]
            return
        blocks = [TextBlock(turn.content)] if isinstance(turn.content, str) else turn.content
        if turn.role == "assistant":
            self._joined.flush()
            self._joined.add(_assistant(blocks, place))
            return
        for index, block in enumerate(blocks):
            if isinstance(block, ToolResultBlock):
                self._joined.messages.append(_result(block, f"{place}[{index}].content"))
        self._joined.parts += _user_parts(blocks, place)
        self._joined.flush()

    def messages(self) -> list[Body]:
        """The messages of all turns."""
        return self._joined.ended()


def _assistant(blocks: Sequence[AnyBlock], place: str) -> Body:
    texts, thoughts, calls = [], [], []
    for index, block in enumerate(blocks):
        if isinstance(block, TextBlock):
            texts.append(block.text)
        elif isinstance(block, ThinkingBlock):
            thoughts.append(thought_of(block.thinking, block.signature))
        elif isinstance(block, ToolUseBlock):
            calls.append(_call(block))
        elif isinstance(block, ToolResultBlock | ImageBlock | DocumentBlock | SearchResultBlock):
            raise InvalidParameter(f"{place}[{index}].type", "such a block stands in messages of the user only.")
    message: Body = {"role": "assistant", "content": "".join(texts)}
    if thought := "".join(thoughts):
        message["reasoning_content"] = thought
    if calls:
        message["content"] = message["content"] or None
        message["tool_calls"] = calls
    return message


def _call(block: ToolUseBlock) -> Body:
    function = {"name": block.name, "arguments": msgspec.json.encode(block.input).decode()}
    return {"id": block.id, "type": "function", "function": function}


def _user_parts(blocks: Sequence[AnyBlock], place: str) -> list[Body]:
    """The parts of a user's turn. Pictures in the results of tools come first, because a result is a text for most engines."""
    parts: list[Body] = []
    for index, block in enumerate(blocks):
        if isinstance(block, ToolResultBlock):
            shown = block.content if isinstance(block.content, list) else ()
            pictures = [each for each in shown if isinstance(each, ImageBlock)]
            if pictures:
                parts.append(text_part(f"Pictures of the result of call {block.tool_use_id}:"))
            parts += [_picture(each, f"{place}[{index}].content") for each in pictures]
        elif isinstance(block, ThinkingBlock | ToolUseBlock):
            raise InvalidParameter(f"{place}[{index}].type", "such a block stands in messages of the assistant only.")
        elif isinstance(block, TextBlock | ImageBlock | DocumentBlock | SearchResultBlock):
            parts += content_parts(block, f"{place}[{index}]")
    return [part for part in parts if part != {"type": "text", "text": ""}] or parts[:1]


def _result(block: ToolResultBlock, place: str) -> Body:
    shown = [TextBlock(block.content)] if isinstance(block.content, str) else block.content or []
    texts = [
        part["text"]
        for index, each in enumerate(shown)
        if not isinstance(each, ImageBlock)
        for part in content_parts(each, f"{place}[{index}]")
        if part["type"] == "text"
    ]
    text = "\n".join(texts)
    return {"role": "tool", "tool_call_id": block.tool_use_id, "content": f"Error: {text}" if block.is_error else text}


def content_parts(block: TextBlock | ImageBlock | DocumentBlock | SearchResultBlock, place: str) -> list[Body]:
    """A block of a user's turn as parts. Raises `InvalidParameter`."""
    if isinstance(block, TextBlock):
        return [text_part(block.text)]
    if isinstance(block, ImageBlock):
        return [_picture(block, place)]
    if isinstance(block, SearchResultBlock):
        text = "\n".join(each.text for each in block.content)
        return [text_part(f"<search_result>\nSource: {block.source}\nTitle: {block.title}\n\n{text}\n</search_result>")]
    return _document(block, place)


def _picture(block: ImageBlock, place: str) -> Body:
    source = block.source
    if isinstance(source, Base64Data):
        url = f"data:{source.media_type};base64,{source.data}"
    elif isinstance(source, LinkedData):
        url = source.url
    else:
        raise InvalidParameter(f"{place}.source", "stored files must be read before a request is translated.")
    return {"type": "image_url", "image_url": {"url": url}}


def _document(block: DocumentBlock, place: str) -> list[Body]:
    source = block.source
    pictures: list[Body] = []
    if isinstance(source, PlainData):
        text = source.data
    elif isinstance(source, BlockData):
        inner = [TextBlock(source.content)] if isinstance(source.content, str) else source.content
        text = "\n".join(each.text for each in inner if isinstance(each, TextBlock))
        pictures = [_picture(each, place) for each in inner if isinstance(each, ImageBlock)]
    else:
        raise InvalidParameter(f"{place}.source", "documents must be read before a request is translated.")
    return [text_part(document_text(text, block.title, block.context)), *pictures]
