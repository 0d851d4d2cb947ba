"""The content parts of a chat's messages, in OpenAI's form, with limits on their size."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from modelyard.protocol.knowledge import Body

MOST_TEXT = 1_000_000
"""Maximum characters of one text."""
MOST_DATA = 20 * 1024 * 1024
"""Maximum characters of one picture, recording or file in base64."""
MOST_PARTS = 100


def _picture(url: str) -> str:
    if not url.lower().startswith(("data:image/", "http://", "https://")):
        raise ValueError("a picture is a data:image/… URL, or one of http or https")
    return url


class ImageUrl(Body):
    """The address of a picture, or the picture itself."""

    url: Annotated[str, Field(max_length=MOST_DATA), AfterValidator(_picture)]
    """A data URL such as `data:image/png;base64,…`, or an `http` or `https` URL."""
    detail: str | None = Field(None, max_length=20)
    """`low`, `high` or `auto`: the resolution at which the model should see the picture."""


class InputAudio(Body):
    """A sound recording."""

    data: str = Field(max_length=MOST_DATA)
    """The recording in base64."""
    format: str = Field(max_length=20)
    """Format of the recording, such as `wav` or `mp3`."""


class FileReference(Body):
    """A file: the id of a stored file, or the file's content."""

    file_id: str | None = Field(None, max_length=100)
    """Id of a stored file (`/v1/files`)."""
    filename: str | None = Field(None, max_length=1000)
    file_data: str | None = Field(None, max_length=MOST_DATA)
    """The content in base64, or as a data URL."""


class TextContent(Body):
    """A content part that is text."""

    type: Literal["text"]
    text: str = Field(max_length=MOST_TEXT)


class ImageContent(Body):
    """A content part that is a picture."""

    type: Literal["image_url"]
    image_url: ImageUrl


class AudioContent(Body):
    """A content part that is a sound recording."""

    type: Literal["input_audio"]
    input_audio: InputAudio


class FileContent(Body):
    """A content part that is a file."""

    type: Literal["file"]
    file: FileReference


def _parts(content: Any) -> Any:
    """Content as a list of parts: the texts of errors are about the list alone, where a union would speak of each alternative."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    return content


ContentPart = Annotated[TextContent | ImageContent | AudioContent | FileContent, Field(discriminator="type")]
ContentParts = Annotated[list[ContentPart], Field(max_length=MOST_PARTS, fail_fast=True)]
Content = Annotated[ContentParts, BeforeValidator(_parts, json_schema_input_type=str | ContentParts)]
"""A text, or a list of parts."""


def content_value(content: list[ContentPart]) -> list[dict[str, Any]]:
    """Content as JSON values."""
    return [part.model_dump(exclude_none=True) for part in content]
