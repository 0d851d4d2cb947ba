"""Tools that this server runs for `/v1/responses`: the seam for `file_search`, `web_search` and `mcp`.

The app gets a mapping of kinds of tools to `HostedTool`. Each offers functions to the model; their calls are carried out here and
become items of the output, then the model goes on with what they have returned. Kinds without one are dropped with a note.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Protocol

import msgspec

from modelyard.core.errors import InvalidParameter
from modelyard.gateway.sender import Caller
from modelyard.protocol.responses_hosted import Source
from modelyard.protocol.responses_items import Item

MOST_TEXTS = 10
"""Maximum number of queries of one call."""


@dataclass(frozen=True, slots=True)
class HostedCall:
    """A call of the model that this server carries out."""

    id: str
    name: str
    """Name of the function."""
    arguments: str


@dataclass(frozen=True, slots=True)
class HostedResult:
    """What a call has returned."""

    text: str
    """What the model reads."""
    item: Item
    """Fields of the item in the output, besides `id`, `type` and `status`. Its `output` is what the model reads, without the
    numbers of sources, which mean others in the next response."""
    sources: Sequence[Source] = ()
    """What numbers in brackets mean in the text after it."""
    failed: bool = False


def failed(problem: str, item: Item) -> HostedResult:
    """The result of a call that the model is to read as an error."""
    text = f"Error: {problem}"
    return HostedResult(text, {**item, "output": text}, failed=True)


@dataclass(frozen=True, slots=True)
class HostedRequest:
    """What tools know of the request that offers them."""

    caller: Caller
    include: Sequence[str] = ()
    """What the answer is to have beside the usual."""
    numbers: Iterator[int] = field(default_factory=lambda: count(1))
    """The numbers of sources, which all tools of a request share."""


class OpenTool(Protocol):
    """A tool for one request."""

    @property
    def kind(self) -> str:
        """The type of its items in the output, such as `web_search_call`; events are named after it."""

    @property
    def prefix(self) -> str:
        """How the ids of its items begin."""

    @property
    def functions(self) -> Sequence[Item]:
        """The functions that the model may call, as tools of a chat completion."""

    @property
    def items(self) -> Sequence[Item]:
        """Items that stand in the output before the model's, with their `type`."""

    @property
    def stages(self) -> Sequence[str]:
        """Events between `in_progress` and the end, such as `searching`."""

    def begun(self, call: HostedCall) -> Item:
        """Fields of the item while the call is carried out, besides `id`, `type` and `status`."""

    async def run(self, call: HostedCall) -> HostedResult:
        """Carry out a call. A failure that the model can react to is a result; others are raised."""


class HostedTool(Protocol):
    """A kind of tool that this server runs."""

    async def open(self, tool: Item, place: str, request: HostedRequest) -> OpenTool | None:
        """The tool of a request; None if it cannot be used here, so that it is dropped with a note.

        Raises `InvalidParameter` with the place for a tool that is wrong, and `PermissionDenied`.
        """


HostedTools = Mapping[str, HostedTool]
"""Kind of tool → who runs it."""


@dataclass(frozen=True, slots=True)
class OpenTools:
    """The hosted tools of one request."""

    by_index: Mapping[int, OpenTool] = field(default_factory=dict)
    """Index in the request's `tools` → tool."""

    def of(self, name: str) -> OpenTool | None:
        """The tool whose function has this name."""
        for tool in self.by_index.values():
            if any(each["function"]["name"] == name for each in tool.functions):
                return tool
        return None

    @property
    def items(self) -> list[Item]:
        """What the output begins with."""
        return [item for tool in self.by_index.values() for item in tool.items]


async def open_tools(hosted: HostedTools, offers: Sequence[Item], request: HostedRequest) -> OpenTools:
    """Open the hosted tools of a request. Raises their errors, and `InvalidParameter` for a second one of a kind and label."""
    found: dict[int, OpenTool] = {}
    known: set[tuple[int, str]] = set()
    for index, offer in enumerate(offers):
        kind = offer.get("type")
        tool = hosted.get(kind) if isinstance(kind, str) else None
        if tool is None:
            continue
        place, same = f"tools[{index}]", (id(tool), str(offer.get("server_label")))
        if same in known:
            raise InvalidParameter(place, f"another tool is '{kind}' already; leave one of them out.")
        if (opened := await tool.open(offer, place, request)) is not None:
            known.add(same)
            found[index] = opened
    return OpenTools(found)


def object_of(call: HostedCall) -> dict[str, Any] | None:
    """The arguments that a model wrote; None if they are no JSON object."""
    try:
        found: Any = msgspec.json.decode(call.arguments or "{}")
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def text_arguments(call: HostedCall, *names: str) -> list[str]:
    """The texts, or lists of texts, that a model wrote as these arguments of a call; none for arguments that are no JSON."""
    arguments = object_of(call) or {}
    values = [arguments.get(name) for name in names]
    texts = [text for value in values for text in (value if isinstance(value, list) else [value])]
    return [text.strip() for text in texts if isinstance(text, str) and text.strip()][:MOST_TEXTS]
