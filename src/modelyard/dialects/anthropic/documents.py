"""Replaces documents and stored files of a request by their content, before it is translated."""

from __future__ import annotations

from modelyard.core.access import Grant
from modelyard.core.errors import InvalidParameter
from modelyard.dialects.anthropic.request import blocks_of
from modelyard.dialects.attachments import LINKED, Attachments, RequestFiles, file_name
from modelyard.protocol.anthropic import (
    Base64Data,
    BlockData,
    CountedMessages,
    DocumentBlock,
    ImageBlock,
    LinkedData,
    PlainData,
    StoredData,
)


async def with_content(request: CountedMessages, attachments: Attachments, grant: Grant | None) -> None:
    """Replace, in place, what pictures and documents name by what it is. Raises the errors of `Attachments`."""
    files = attachments.of(grant)
    for block, place in blocks_of(request):
        if isinstance(block, ImageBlock):
            await _picture(block, place, files)
        elif isinstance(block, DocumentBlock):
            await _document(block, place, files)


async def _picture(block: ImageBlock, place: str, files: RequestFiles) -> None:
    if block.transformations:
        raise InvalidParameter(
            f"{place}.transformations", "pictures are passed to the model as they are; leave it out."
        )
    if isinstance(block.source, StoredData):
        block.source = await files.picture(block.source.file_id, f"{place}.source.file_id")


async def _document(block: DocumentBlock, place: str, files: RequestFiles) -> None:
    source = block.source
    if isinstance(source, LinkedData):
        raise InvalidParameter(f"{place}.source.type", LINKED)
    if isinstance(source, BlockData):
        for index, each in enumerate(source.content if isinstance(source.content, list) else ()):
            if isinstance(each, ImageBlock):
                await _picture(each, f"{place}.source.content[{index}]", files)
    elif isinstance(source, StoredData):
        text, name = await files.text(source.file_id, f"{place}.source.file_id")
        block.source = PlainData(text)
        block.title = block.title or name
    elif isinstance(source, Base64Data):
        name = file_name(block.title, source.media_type)
        block.source = PlainData(await files.encoded(source.data, f"{place}.source.data", name))
