"""Handles of models for pictures, sound and video. Files are sent as forms, with unlisted options as JSON in a field `kwargs`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, overload

from modelyard.client.calls import ClientMethod, S, call
from modelyard.client.connection import AsyncConnection, SyncConnection
from modelyard.client.forms import File, optional, part, several, texts, with_extras
from modelyard.client.handles import Chunks, ModelHandle, Whole
from modelyard.client.request import FilePart, Request, an_object, anything, at

if TYPE_CHECKING:
    from modelyard.client.completion_types import EmbeddingsDict, MediaListDict


class ImageCalls(ModelHandle[S]):
    """Calls to a model that makes or reads pictures."""

    @call
    def text_to_image(
        self, /, prompt: str, n: int = 1, size: str = "1024*1024", response_format: str = "url", **kwargs: Any
    ) -> Request[MediaListDict]:
        """Pictures from a text."""
        body = {"prompt": prompt, "n": n, "size": size, "response_format": response_format}
        return Request("POST", at("images", "generations"), an_object, body=with_extras(self.uid, body, kwargs))

    @call
    def image_to_image(
        self,
        /,
        image: File | Sequence[File],
        prompt: str,
        negative_prompt: str | None = None,
        n: int = 1,
        size: str | None = None,
        response_format: str = "url",
        **kwargs: Any,
    ) -> Request[MediaListDict]:
        """Pictures like the given ones, changed as a text says."""
        fields = {"prompt": prompt, "negative_prompt": negative_prompt, "n": n, "size": size}
        fields["response_format"] = response_format
        return _form("images/variations", self.uid, fields, kwargs, several("image", image))

    @call
    def image_edit(
        self,
        /,
        images: File | Sequence[File],
        prompt: str,
        mask: File | None = None,
        n: int = 1,
        size: str | None = None,
        response_format: str = "url",
        **kwargs: Any,
    ) -> Request[MediaListDict]:
        """The first picture, changed as a text says, where the mask is white; the others are examples."""
        fields = {"prompt": prompt, "n": n, "size": size, "response_format": response_format}
        name = "images[]" if isinstance(images, list | tuple) else "images"
        files = [*several(name, images), *optional("mask", mask)]
        return _form("images/edits", self.uid, fields, kwargs, files)

    @call
    def inpainting(
        self,
        /,
        image: File,
        mask_image: File,
        prompt: str,
        negative_prompt: str | None = None,
        n: int = 1,
        size: str | None = None,
        response_format: str = "url",
        **kwargs: Any,
    ) -> Request[MediaListDict]:
        """A picture with the white part of the mask painted anew."""
        fields = {"prompt": prompt, "negative_prompt": negative_prompt, "n": n, "size": size}
        fields["response_format"] = response_format
        return _form(
            "images/inpainting", self.uid, fields, kwargs, [part("image", image), part("mask_image", mask_image)]
        )

    @call
    def ocr(self, /, image: File, **kwargs: Any) -> Request[Any]:
        """The text in a picture."""
        return _form("images/ocr", self.uid, {}, kwargs, [part("image", image)])


class VideoCalls(ModelHandle[S]):
    """Calls to a model that makes films."""

    @call
    def text_to_video(self, /, prompt: str, n: int = 1, **kwargs: Any) -> Request[MediaListDict]:
        """Films from a text."""
        body = with_extras(self.uid, {"prompt": prompt, "n": n}, kwargs)
        return Request("POST", at("video", "generations"), an_object, body=body)

    @call
    def image_to_video(
        self,
        /,
        image: File,
        prompt: str,
        negative_prompt: str | None = None,
        n: int = 1,
        video: File | None = None,
        **kwargs: Any,
    ) -> Request[MediaListDict]:
        """Films that begin with a picture; for models that can, its figure moves as in `video`."""
        fields = {"prompt": prompt, "negative_prompt": negative_prompt, "n": n}
        files = [part("image", image), *optional("video", video)]
        return _form("video/generations/image", self.uid, fields, kwargs, files)

    @call
    def flf_to_video(
        self,
        /,
        first_frame: File,
        last_frame: File,
        prompt: str,
        negative_prompt: str | None = None,
        n: int = 1,
        **kwargs: Any,
    ) -> Request[MediaListDict]:
        """Films from a first picture to a last one."""
        fields = {"prompt": prompt, "negative_prompt": negative_prompt, "n": n}
        files = [part("first_frame", first_frame), part("last_frame", last_frame)]
        return _form("video/generations/flf", self.uid, fields, kwargs, files)


class SpeechForms(Protocol[Whole, Chunks]):
    """`AudioModel.speech`: portions of bytes with `stream`, else all of them."""

    @overload
    def __call__(
        self,
        input: str,
        voice: str = "",
        response_format: str = "mp3",
        speed: float = 1.0,
        *,
        stream: Literal[True],
        prompt_speech: File | None = None,
        prompt_latent: File | None = None,
        **kwargs: Any,
    ) -> Chunks: ...
    @overload
    def __call__(
        self,
        input: str,
        voice: str = "",
        response_format: str = "mp3",
        speed: float = 1.0,
        stream: Literal[False] = False,
        prompt_speech: File | None = None,
        prompt_latent: File | None = None,
        **kwargs: Any,
    ) -> Whole: ...


def _speech_call(
    build: Callable[..., Request[bytes]],
) -> ClientMethod[
    SpeechForms[bytes, Iterator[bytes]],
    SpeechForms[Coroutine[Any, Any, bytes], Coroutine[Any, Any, AsyncIterator[bytes]]],
]:
    return ClientMethod(build)


class AudioCalls(ModelHandle[S]):
    """Calls to a model that hears or speaks."""

    @call
    def transcriptions(
        self,
        /,
        audio: File,
        language: str | None = None,
        prompt: str | None = None,
        response_format: str | None = "json",
        temperature: float | None = 0,
        timestamp_granularities: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> Request[Any]:
        """The words of a recording, in its language."""
        fields = _hearing(language, prompt, response_format, temperature, timestamp_granularities)
        return _form("audio/transcriptions", self.uid, fields, kwargs, [part("file", audio)])

    @call
    def translations(
        self,
        audio: File,
        language: str | None = None,
        prompt: str | None = None,
        response_format: str | None = "json",
        temperature: float | None = 0,
        timestamp_granularities: Sequence[str] | None = None,
    ) -> Request[Any]:
        """The words of a recording, in English."""
        fields = _hearing(language, prompt, response_format, temperature, timestamp_granularities)
        return _form("audio/translations", self.uid, fields, None, [part("file", audio)])

    @call
    def create_embedding(self, audio: File) -> Request[EmbeddingsDict]:
        """The vector of a voice."""
        return _form("audio/embeddings", self.uid, {}, None, [part("file", audio)])

    @_speech_call
    def speech(
        self,
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
        """A text read aloud, as the bytes of a sound file; with `stream`, an iterator of portions of them.

        With `prompt_speech`, it is in the voice of that recording.
        """
        fields = {"input": input, "voice": voice, "response_format": response_format, "speed": speed, "stream": stream}
        files = [*optional("prompt_speech", prompt_speech), *optional("prompt_latent", prompt_latent)]
        path = at("audio", "speech")
        body = with_extras(self.uid, fields, kwargs)
        if files:
            return Request("POST", path, bytes, form=texts(body), files=files, raw=True, streams=stream)
        return Request("POST", path, bytes, body=body, raw=True, streams=stream)


class ImageModel(ImageCalls[SyncConnection]):
    """A model that makes or reads pictures."""


class VideoModel(VideoCalls[SyncConnection]):
    """A model that makes films."""


class AudioModel(AudioCalls[SyncConnection]):
    """A model that hears or speaks."""


class AsyncImageModel(ImageCalls[AsyncConnection]):
    """`ImageModel` of the async client."""


class AsyncVideoModel(VideoCalls[AsyncConnection]):
    """`VideoModel` of the async client."""


class AsyncAudioModel(AudioCalls[AsyncConnection]):
    """`AudioModel` of the async client."""


def _hearing(
    language: str | None, prompt: str | None, response_format: str | None, temperature: float | None, grain: Any
) -> dict[str, Any]:
    fields = {"language": language, "prompt": prompt, "response_format": response_format, "temperature": temperature}
    return {**fields, "timestamp_granularities[]": list(grain) if grain else None}


def _form(
    path: str, model: str, fields: Mapping[str, Any], extras: Mapping[str, Any] | None, files: Sequence[FilePart]
) -> Request[Any]:
    sent = {"model": model, **fields} if extras is None else with_extras(model, fields, extras)
    return Request("POST", f"/v1/{path}", anything, form=texts(sent), files=files)
