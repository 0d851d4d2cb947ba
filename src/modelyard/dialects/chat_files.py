"""Files in the messages of chat completions: the text of each takes its place before a model gets the request."""

from __future__ import annotations

from typing import Any

import msgspec

from modelyard.core.access import Grant
from modelyard.dialects.attachments import Attachments, RequestFiles
from modelyard.dialects.parts import document_text, plain, text_part
from modelyard.gateway.app import Gateway
from modelyard.protocol.messages import FILE_FIELDS
from modelyard.protocol.requests import with_changes
from modelyard.protocol.responses_items import FileInput


class ChatFiles:
    """Reads them as the documents of other dialects are read."""

    def __init__(self, gateway: Gateway, attachments: Attachments) -> None:
        self._gateway = gateway
        self._attachments = attachments

    def mount(self) -> None:
        """Let the gateway use it."""
        self._gateway.read_files = self.with_texts

    async def with_texts(self, body: bytes, grant: Grant | None) -> bytes:
        """The body with the texts of its files. Raises the errors of `RequestFiles.document`."""
        fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        messages = msgspec.json.decode(fields["messages"], type=list[dict[str, Any]])
        files = self._attachments.of(grant)
        for index, message in enumerate(messages):
            if isinstance(message.get("content"), list):
                await _replace(message, f"messages[{index}].content", files)
        return with_changes(body, {"messages": messages})


async def _replace(message: dict[str, Any], place: str, files: RequestFiles) -> None:
    """Replace the files of a message, in place."""
    parts = message["content"]
    found = [index for index, part in enumerate(parts) if part.get("file") is not None and _is_file(part)]
    for index in found:
        part = FileInput(**{name: parts[index]["file"].get(name) for name in FILE_FIELDS})
        text = await files.document(part, f"{place}[{index}].file")
        parts[index] = text_part(document_text(text, part.filename))
    if found:
        message["content"] = plain(parts)


def _is_file(part: dict[str, Any]) -> bool:
    return part.get("type") in (None, "file")
