"""Replaces documents and stored files of a request by their content, before it is translated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from modelyard.core.access import Grant
from modelyard.dialects.attachments import Attachments
from modelyard.dialects.responses.conversation import OUTPUTS, TEXTS, Placed
from modelyard.protocol.responses_items import (
    AnyPart,
    FileInput,
    ImageInput,
    MessageItem,
)


async def with_content(items: Sequence[Placed], attachments: Attachments, grant: Grant | None) -> None:
    """Replace, in place, what pictures and documents name by what it is. Raises the errors of `Attachments`."""
    files = attachments.of(grant)
    for part, place in _parts(items):
        if isinstance(part, ImageInput) and part.file_id and not part.image_url:
            data = await files.picture(part.file_id, f"{place}.file_id")
            part.image_url = f"data:{data.media_type};base64,{data.data}"
        elif isinstance(part, FileInput):
            part.text = await files.document(part, place)


def _parts(items: Sequence[Placed]) -> Iterator[tuple[AnyPart, str]]:
    """The parts that are no texts, and their places."""
    for item, place in items:
        if isinstance(item, MessageItem) and isinstance(item.content, list):
            for index, part in enumerate(item.content):
                if not isinstance(part, TEXTS):
                    yield part, f"{place}.content[{index}]"
        elif isinstance(item, OUTPUTS) and isinstance(item.output, list):
            for index, each in enumerate(item.output):
                if not isinstance(each, TEXTS):
                    yield each, f"{place}.output[{index}]"
