"""What one can ask of launched models of pictures, sound and film; each sync and async."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, Concatenate, ParamSpec, TypeVar

from modelyard.client.handles import AsyncHandle, Handle, described
from modelyard.client.resources import media
from modelyard.client.target import Request

P = ParamSpec("P")
T = TypeVar("T")


def _ask(build: Callable[Concatenate[str, P], Request[T]]) -> Callable[Concatenate[Handle, P], T]:
    """The method of a handle that builds this request for its model and sends it."""

    def method(self: Handle, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._sender.send(build(self.uid, *args, **kwargs))

    described(method, build)
    return method


def _async_ask(
    build: Callable[Concatenate[str, P], Request[T]],
) -> Callable[Concatenate[AsyncHandle, P], Coroutine[Any, Any, T]]:
    """The method of an async handle that builds this request for its model and sends it."""

    async def method(self: AsyncHandle, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._sender.send(build(self.uid, *args, **kwargs))

    described(method, build)
    return method


class ImageModel(Handle):
    """A model that makes or reads pictures."""

    text_to_image = _ask(media.text_to_image)
    image_to_image = _ask(media.image_to_image)
    image_edit = _ask(media.image_edit)
    inpainting = _ask(media.inpainting)
    ocr = _ask(media.ocr)


class VideoModel(Handle):
    """A model that makes films."""

    text_to_video = _ask(media.text_to_video)
    image_to_video = _ask(media.image_to_video)
    flf_to_video = _ask(media.flf_to_video)


class AudioModel(Handle):
    """A model that hears or speaks."""

    create_embedding = _ask(media.audio_embedding)
    transcriptions = _ask(media.transcriptions)
    translations = _ask(media.translations)

    def speech(self, input: str, voice: str = "", *, stream: bool = False, **options: Any) -> bytes | Iterator[bytes]:
        """A text, spoken, as bytes of a sound file; with `stream`, an iterator of portions of them."""
        request = media.speech(self.uid, input, voice, stream=stream, **options)
        if stream:
            return self._sender.open_bytes(request)
        return self._sender.send(request)


class AsyncImageModel(AsyncHandle):
    """The async twin of `ImageModel`."""

    text_to_image = _async_ask(media.text_to_image)
    image_to_image = _async_ask(media.image_to_image)
    image_edit = _async_ask(media.image_edit)
    inpainting = _async_ask(media.inpainting)
    ocr = _async_ask(media.ocr)


class AsyncVideoModel(AsyncHandle):
    """The async twin of `VideoModel`."""

    text_to_video = _async_ask(media.text_to_video)
    image_to_video = _async_ask(media.image_to_video)
    flf_to_video = _async_ask(media.flf_to_video)


class AsyncAudioModel(AsyncHandle):
    """The async twin of `AudioModel`."""

    create_embedding = _async_ask(media.audio_embedding)
    transcriptions = _async_ask(media.transcriptions)
    translations = _async_ask(media.translations)

    async def speech(
        self, input: str, voice: str = "", *, stream: bool = False, **options: Any
    ) -> bytes | AsyncIterator[bytes]:
        """As `AudioModel.speech`; a stream is iterated with `async for`."""
        request = media.speech(self.uid, input, voice, stream=stream, **options)
        if stream:
            return await self._sender.open_bytes(request)
        return await self._sender.send(request)
