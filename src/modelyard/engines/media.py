"""Fetches the addresses of pictures, sound and video in a request, and puts `data:` URLs in their place.

Engines that fetch would do so from any host, including this machine and its network. So no address reaches them: addresses
in known fields are replaced, and a request with one in any other field of a media part is refused.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from modelyard.core import fetching
from modelyard.core.errors import AddressRefused, FetchFailed
from modelyard.core.fetching import Fetched, Hosts, excerpt

MOST_FILES = 32
"""Maximum number of addresses in one request."""
MOST_BYTES = 64 * 1024 * 1024
"""Maximum bytes of all files of one request together."""
LARGEST = {"image": 20 * 1024 * 1024, "audio": MOST_BYTES, "video": MOST_BYTES}
AT_ONCE = 4
"""Number of files that a replica fetches concurrently."""
SECONDS = 20.0
DEEPEST = 12
"""Maximum nesting of lists and objects in a part."""

KINDS = {
    **dict.fromkeys(("image_url", "image", "images", "input_image"), "image"),
    **dict.fromkeys(("video_url", "video", "videos", "input_video"), "video"),
    **dict.fromkeys(("audio_url", "audio", "audios", "input_audio"), "audio"),
}
"""Fields of a part with an address (as text, as an object with `url`, or as a list of these) → the kind of file."""
TEXT_TYPES = frozenset({"text", "input_text", "output_text", "refusal", "thinking", "reasoning", "tool_reference"})
TEXT_FIELDS = frozenset({"text", "thinking", "refusal", "reasoning", "type", "uuid", "id", "name", "title", "detail"})
"""Fields that no engine opens, whatever they contain."""
DATA_FIELDS = frozenset(
    {"data", "b64_json", "file_data", "image_embeds", "audio_embeds", "video_embeds", "prompt_embeds"}
)
"""Fields with base64 data, which may begin like a file path."""
NESTED = frozenset({"content", "parts"})
CONVERSATIONS = ("messages", "conversation", "conversations")
PART_FIELDS = (*CONVERSATIONS, "input", "prompt", "query", "queries", "documents")
"""Fields of a request that contain parts."""
RAW_FIELDS = ("multi_modal_data", "multimodal_data", "image_data", "video_data", "audio_data", *KINDS)
PROCESSOR_FIELDS = ("mm_processor_kwargs", "media_io_kwargs")
"""Arguments for the libraries that read media, which accept an address or a file path in place of a picture."""
SPECIAL = frozenset({*RAW_FIELDS, *PROCESSOR_FIELDS})

TYPES = {"image": ("image/",), "audio": ("audio/", "video/"), "video": ("video/", "image/gif")}
UNTYPED = ("application/octet-stream", "binary/octet-stream")
SIGNATURES = (
    (b"\x89PNG", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"RIFF", "image/webp"),
    (b"BM", "image/bmp"),
)
USUAL = {"image": "image/png", "audio": "audio/wav", "video": "video/mp4"}

ADDRESS = re.compile(r"\s*(?:[A-Za-z][A-Za-z0-9+.-]*:|[/\\~]|\.\.?/)")
"""Matches the beginning of an address or a file path."""

WORDS = re.compile(r"[\w +-]{0,100}")
"""Matches argument values that are neither addresses nor paths."""


class MediaRefused(Exception):
    """A request with an address that must not reach the engine."""

    def __init__(self, param: str, message: str) -> None:
        super().__init__(message)
        self.param = param


@dataclass(frozen=True, slots=True)
class AddressPlace:
    """The position of an address in a request."""

    holder: Any
    """The list or object that contains it."""
    key: str | int
    kind: str
    param: str

    @property
    def url(self) -> str:
        return str(self.holder[self.key])


def read(body: bytes) -> dict[str, Any] | None:
    """The parsed request, if an engine could fetch something from its parts; None for most requests.

    Raises `MediaRefused` for a body that is not JSON, because the engine's parser could interpret it differently.
    """
    try:
        request: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        try:
            request = json.loads(body)  # accepts extensions such as NaN, like engines in Python
        except (ValueError, RecursionError) as error:
            raise MediaRefused("body", f"it is no JSON: {error}.") from None
    return request if isinstance(request, dict) and not is_plain(request) else None


def is_plain(request: Mapping[str, Any]) -> bool:
    """Whether a request has only texts and numbers where an engine looks for addresses."""
    if not SPECIAL.isdisjoint(request):
        return False
    for name in PART_FIELDS:
        value = request.get(name)
        if isinstance(value, dict):
            return False
        if isinstance(value, list) and not all(_is_plain_item(each, name) for each in value):
            return False
    return True


def _is_plain_item(item: Any, name: str) -> bool:
    """Whether an item is a message with text, a text, a number, or a list of numbers."""
    if isinstance(item, dict):
        content = item.get("content")
        is_message = name in CONVERSATIONS and (content is None or isinstance(content, str))
        return is_message and "parts" not in item and KINDS.keys().isdisjoint(item)
    return not isinstance(item, list) or not any(isinstance(each, (list, dict)) for each in item)


def places(request: MutableMapping[str, Any]) -> list[AddressPlace]:
    """Every address to fetch. Raises `MediaRefused` for addresses in unknown fields."""
    found: list[AddressPlace] = []
    for name in PART_FIELDS:
        value = request.get(name)
        if isinstance(value, (list, dict)) and not (
            name == "documents" and "messages" in request
        ):  # texts for the template
            found += _parts(value, name, 0)
    for name in RAW_FIELDS:
        if name in request:
            _check(request[name], name, name, 0)
    for name in PROCESSOR_FIELDS:
        if name in request:
            _check_arguments(request[name], name, 0)
    if len(found) > MOST_FILES:
        raise MediaRefused(found[0].param, f"it has {len(found)} addresses, and one request may have {MOST_FILES}.")
    return found


def _parts(value: Any, param: str, depth: int) -> Iterator[AddressPlace]:
    """The addresses in messages, documents or parts, at any nesting."""
    _check_depth(param, depth)
    if isinstance(value, list):
        for each in value:
            if isinstance(each, (list, dict)):
                yield from _parts(each, param, depth + 1)
    elif isinstance(value, dict):
        yield from _part(value, param, depth)


def _part(part: dict[str, Any], param: str, depth: int) -> Iterator[AddressPlace]:
    """The addresses in one object: a message, or a part of one."""
    kind = part.get("type")
    is_message = param in CONVERSATIONS and depth <= 1
    is_media = not is_message and (
        str(kind) not in TEXT_TYPES if kind is not None else not KINDS.keys().isdisjoint(part)
    )
    for key, value in part.items():
        if key in NESTED:
            yield from _parts(value, param, depth + 1)
        elif key in KINDS or (key == "url" and is_media):
            yield from _slot(part, key, KINDS.get(key) or KINDS.get(str(kind), ""), param, depth)
        elif is_media and key not in TEXT_FIELDS:
            _check(value, param, key, depth)


def _slot(holder: Any, key: str | int, kind: str, param: str, depth: int) -> Iterator[AddressPlace]:
    """The addresses in a field that contains them."""
    value = holder[key]
    _check_depth(param, depth)
    if isinstance(value, str):
        if value and not is_data(value):
            yield _place(holder, key, kind, param)
    elif isinstance(value, list):
        for index in range(len(value)):
            yield from _slot(value, index, kind, param, depth + 1)
    elif isinstance(value, dict):
        for name, each in value.items():
            if name == "url" or name in KINDS:
                yield from _slot(value, name, KINDS.get(name) or kind, param, depth + 1)
            elif name not in TEXT_FIELDS:
                _check(each, param, name, depth + 1)


def is_data(url: str) -> bool:
    """Whether a text is a `data:` URL."""
    return url[:5].lower() == "data:"


def _place(holder: Any, key: str | int, kind: str, param: str) -> AddressPlace:
    """The position of an address to fetch. Raises `MediaRefused` unless it is an http or https address."""
    value = str(holder[key])
    if not kind or not value.lower().startswith(("http://", "https://")):
        raise MediaRefused(param, f"'{excerpt(value)}' is not an http, https or data address.")
    return AddressPlace(holder, key, kind, param)


def _check_depth(param: str, depth: int) -> None:
    if depth > DEEPEST:
        raise MediaRefused(param, "its parts are nested too deeply.")


def _check(value: Any, param: str, name: str, depth: int) -> None:
    """Raise `MediaRefused` for an address in a field that is not known to have one."""
    _check_depth(param, depth)
    if isinstance(value, str):
        could = ":" in value if name in DATA_FIELDS else "://" in value or ADDRESS.match(value)
        if could and not is_data(value):
            raise MediaRefused(
                param, f"the field '{excerpt(name)}' may not hold an address, as '{excerpt(value)}' could be."
            )
    elif isinstance(value, (list, dict)):
        for key, each in value.items() if isinstance(value, dict) else ((name, each) for each in value):
            _check(each, param, key, depth + 1)


def _check_arguments(value: Any, param: str, depth: int) -> None:
    """Raise `MediaRefused` for arguments that could make a library open a file or an address."""
    _check_depth(param, depth)
    if isinstance(value, str) and not WORDS.fullmatch(value):
        raise MediaRefused(param, f"it may not hold '{excerpt(value)}', which a library could open.")
    if isinstance(value, list):
        for each in value:
            _check_arguments(each, param, depth + 1)
    elif isinstance(value, dict):
        for name, each in value.items():
            if name in KINDS and not isinstance(each, dict):
                raise MediaRefused(param, f"it may not hold '{name}': media stand in the messages.")
            _check_arguments(each, param, depth + 1)


@dataclass(slots=True)
class Media:
    """Fetches media for one replica."""

    hosts: Hosts
    none: str = ""
    """Why the model accepts no media, if so: then nothing is fetched, and the request is refused."""
    gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def replaced(self, request: dict[str, Any]) -> bytes:
        """The body of a request with data in place of addresses. Raises `MediaRefused`.

        It is always encoded again, so that the engine parses what was checked here.
        """
        await self.bring(request)
        return json.dumps(request).encode()

    async def bring(self, request: MutableMapping[str, Any]) -> bool:
        """Replace the addresses in a request, in place; returns whether there were any. Raises `MediaRefused`."""
        found = places(request)
        if found and self.none:
            raise MediaRefused(found[0].param, self.none)
        if found:
            for place, url in zip(found, await self._all(found), strict=True):
                place.holder[place.key] = url
        return bool(found)

    async def _all(self, found: Sequence[AddressPlace]) -> list[str]:
        """A `data:` URL for each address, in order; repeated addresses are fetched once."""
        left = [MOST_BYTES]
        distinct = {(place.url, place.kind): place for place in found}
        try:
            async with asyncio.timeout(2 * SECONDS), asyncio.TaskGroup() as group:
                tasks = {key: group.create_task(self._one(place, left)) for key, place in distinct.items()}
        except TimeoutError:
            raise MediaRefused(found[0].param, f"its files were not fetched within {2 * SECONDS:g} s.") from None
        except ExceptionGroup as group_error:
            raise group_error.exceptions[0] from None
        return [tasks[place.url, place.kind].result() for place in found]

    async def _one(self, place: AddressPlace, left: list[int]) -> str:
        async with self.gate:
            file = await fetched(
                place.url, place.kind, place.param, self.hosts, max(1, min(left[0], LARGEST[place.kind]))
            )
            left[0] -= len(file.data)
            if left[0] < 0:
                raise MediaRefused(place.param, f"its files have more than {MOST_BYTES} bytes together.")
        return await asyncio.to_thread(data_url, file, place.kind)


async def fetched(url: str, kind: str, param: str, hosts: Hosts, most: int = MOST_BYTES) -> Fetched:
    """Fetch the file at an address. Raises `MediaRefused`."""
    accept = (*TYPES[kind], *UNTYPED)
    try:
        return await fetching.fetch(url, hosts=hosts, max_bytes=most, seconds=SECONDS, accept=accept)
    except (AddressRefused, FetchFailed) as error:
        raise MediaRefused(param, error.message) from error


def data_url(file: Fetched, kind: str) -> str:
    """A file as a `data:` URL with a type that engines accept for this kind."""
    named = file.content_type
    if not re.fullmatch(rf"{kind}/[\w.+-]{{1,60}}", named):
        signed = next((name for mark, name in SIGNATURES if file.data.startswith(mark)), "") if kind == "image" else ""
        named = signed or USUAL[kind]
    return f"data:{named};base64,{base64.b64encode(file.data).decode()}"
