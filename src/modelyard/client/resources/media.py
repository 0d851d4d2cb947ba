"""Requests to models of pictures, sound and film. Files go as forms; what is not listed goes as JSON in a field `kwargs`."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from modelyard.client.target import FilePart, Request, an_object, at
from modelyard.core.errors import InvalidParameter
from modelyard.core.wording import reason

Answer = dict[str, Any]
File = bytes | str | os.PathLike[str] | BinaryIO
"""The bytes of a file, its path, or the file itself, opened."""


def text_to_image(
    model: str, /, prompt: str, n: int = 1, size: str = "1024*1024", response_format: str = "url", **kwargs: Any
) -> Request[Answer]:
    """Pictures of what a text says."""
    body = {"prompt": prompt, "n": n, "size": size, "response_format": response_format}
    return Request("POST", at("images", "generations"), an_object, body=_with_extras(model, body, kwargs))


def image_to_image(
    model: str,
    /,
    image: File | Sequence[File],
    prompt: str,
    negative_prompt: str | None = None,
    n: int = 1,
    size: str | None = None,
    response_format: str = "url",
    **kwargs: Any,
) -> Request[Answer]:
    """Pictures like others, changed as a text says."""
    fields = {"prompt": prompt, "negative_prompt": negative_prompt, "n": n, "size": size}
    fields["response_format"] = response_format
    return _form("images/variations", model, fields, kwargs, _several("image", image))


def image_edit(
    model: str,
    /,
    images: File | Sequence[File],
    prompt: str,
    mask: File | None = None,
    n: int = 1,
    size: str | None = None,
    response_format: str = "url",
    **kwargs: Any,
) -> Request[Answer]:
    """The first picture, changed as a text says, where the mask is white; the others are examples."""
    fields = {"prompt": prompt, "n": n, "size": size, "response_format": response_format}
    name = "images[]" if isinstance(images, list | tuple) else "images"
    files = [*_several(name, images), *_optional("mask", mask)]
    return _form("images/edits", model, fields, kwargs, files)


def inpainting(
    model: str,
    /,
    image: File,
    mask_image: File,
    prompt: str,
    negative_prompt: str | None = None,
    n: int = 1,
    size: str | None = None,
    response_format: str = "url",
    **kwargs: Any,
) -> Request[Answer]:
    """A picture, painted anew where the mask is white."""
    fields = {"prompt": prompt, "negative_prompt": negative_prompt, "n": n, "size": size}
    fields["response_format"] = response_format
    return _form("images/inpainting", model, fields, kwargs, [_part("image", image), _part("mask_image", mask_image)])


def ocr(model: str, /, image: File, **kwargs: Any) -> Request[Any]:
    """The text in a picture."""
    return _form("images/ocr", model, {}, kwargs, [_part("image", image)])


def text_to_video(model: str, /, prompt: str, n: int = 1, **kwargs: Any) -> Request[Answer]:
    """Films of what a text says."""
    body = _with_extras(model, {"prompt": prompt, "n": n}, kwargs)
    return Request("POST", at("video", "generations"), an_object, body=body)


def image_to_video(
    model: str,
    /,
    image: File,
    prompt: str,
    negative_prompt: str | None = None,
    n: int = 1,
    video: File | None = None,
    **kwargs: Any,
) -> Request[Answer]:
    """Films that begin with a picture; `video` moves its figure, for models that can."""
    fields = {"prompt": prompt, "negative_prompt": negative_prompt, "n": n}
    files = [_part("image", image), *_optional("video", video)]
    return _form("video/generations/image", model, fields, kwargs, files)


def flf_to_video(
    model: str,
    /,
    first_frame: File,
    last_frame: File,
    prompt: str,
    negative_prompt: str | None = None,
    n: int = 1,
    **kwargs: Any,
) -> Request[Answer]:
    """Films from a first picture to a last one."""
    fields = {"prompt": prompt, "negative_prompt": negative_prompt, "n": n}
    files = [_part("first_frame", first_frame), _part("last_frame", last_frame)]
    return _form("video/generations/flf", model, fields, kwargs, files)


def transcriptions(
    model: str,
    /,
    audio: File,
    language: str | None = None,
    prompt: str | None = None,
    response_format: str | None = "json",
    temperature: float | None = 0,
    timestamp_granularities: Sequence[str] | None = None,
    **kwargs: Any,
) -> Request[Any]:
    """What is said in a recording, in its language."""
    fields = _hearing(language, prompt, response_format, temperature, timestamp_granularities)
    return _form("audio/transcriptions", model, fields, kwargs, [_part("file", audio)])


def translations(
    model: str,
    /,
    audio: File,
    language: str | None = None,
    prompt: str | None = None,
    response_format: str | None = "json",
    temperature: float | None = 0,
    timestamp_granularities: Sequence[str] | None = None,
) -> Request[Any]:
    """What is said in a recording, in English."""
    fields = _hearing(language, prompt, response_format, temperature, timestamp_granularities)
    return _form("audio/translations", model, fields, None, [_part("file", audio)])


def audio_embedding(model: str, /, audio: File) -> Request[Answer]:
    """The vector of a voice."""
    return _form("audio/embeddings", model, {}, None, [_part("file", audio)])


def speech(
    model: str,
    /,
    input: str,
    voice: str = "",
    response_format: str = "mp3",
    speed: float = 1.0,
    stream: bool = False,
    prompt_speech: File | None = None,
    prompt_latent: File | None = None,
    **kwargs: Any,
) -> Request[bytes]:
    """A text, spoken; with `prompt_speech`, in the voice of that recording."""
    fields = {"input": input, "voice": voice, "response_format": response_format, "speed": speed, "stream": stream}
    files = [*_optional("prompt_speech", prompt_speech), *_optional("prompt_latent", prompt_latent)]
    path = at("audio", "speech")
    body = _with_extras(model, fields, kwargs)
    if files:
        return Request("POST", path, bytes, form=_texts(body), files=files, raw=True)
    return Request("POST", path, bytes, body=body, raw=True)


def _hearing(
    language: str | None, prompt: str | None, response_format: str | None, temperature: float | None, grain: Any
) -> dict[str, Any]:
    fields = {"language": language, "prompt": prompt, "response_format": response_format, "temperature": temperature}
    return {**fields, "timestamp_granularities[]": list(grain) if grain else None}


def _form(
    path: str, model: str, fields: Mapping[str, Any], extras: Mapping[str, Any] | None, files: Sequence[FilePart]
) -> Request[Any]:
    sent = {"model": model, **fields} if extras is None else _with_extras(model, fields, extras)
    return Request("POST", f"/v1/{path}", lambda answer: answer, form=_texts(sent), files=files)


def _with_extras(model: str, fields: Mapping[str, Any], extras: Mapping[str, Any]) -> dict[str, Any]:
    return {"model": model, **fields, "kwargs": json.dumps(extras, ensure_ascii=False)}


def _texts(fields: Mapping[str, Any]) -> dict[str, str | list[str]]:
    """Fields of a form; what is None is left out."""
    return {
        name: [str(each) for each in value] if isinstance(value, list) else _text(value)
        for name, value in fields.items()
        if value is not None
    }


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _several(name: str, files: File | Sequence[File]) -> list[FilePart]:
    if not isinstance(files, list | tuple):
        return [_part(name, files)]  # type: ignore[arg-type]
    if not files:
        raise InvalidParameter(name, "the list is empty.")
    return [_part(name, each) for each in files]


def _optional(name: str, file: File | None) -> list[FilePart]:
    return [] if file is None else [_part(name, file)]


def _part(name: str, file: File) -> FilePart:
    """One file of a form. Raises `InvalidParameter` for a path that cannot be read."""
    if isinstance(file, bytes):
        return name, (name, file, "application/octet-stream")
    if isinstance(file, str | os.PathLike):
        path = Path(file)
        try:
            return name, (path.name, path.read_bytes(), "application/octet-stream")
        except OSError as error:
            raise InvalidParameter(name, f"'{path}' cannot be read: {reason(error)}.") from None
    return name, (os.path.basename(str(getattr(file, "name", name))), file.read(), "application/octet-stream")
