"""Selects the class of a launched model's handle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelyard.client import handles, media
from modelyard.client.connection import AsyncConnection, SyncConnection
from modelyard.core.errors import BadRequest, InvalidParameter

if TYPE_CHECKING:
    from modelyard.client.types import ModelDict

Handles = tuple[type[handles.ModelHandle[SyncConnection]], type[handles.ModelHandle[AsyncConnection]]]

HANDLES: dict[str, Handles] = {
    "chat": (handles.ChatModel, handles.AsyncChatModel),
    "generate": (handles.GenerateModel, handles.AsyncGenerateModel),
    "embedding": (handles.EmbeddingModel, handles.AsyncEmbeddingModel),
    "rerank": (handles.RerankModel, handles.AsyncRerankModel),
    "image": (media.ImageModel, media.AsyncImageModel),
    "video": (media.VideoModel, media.AsyncVideoModel),
    "audio": (media.AudioModel, media.AsyncAudioModel),
}


def handle_of(sender: SyncConnection | AsyncConnection, info: ModelDict, handle_class: type | None) -> Any:
    """The handle of a model. Raises `InvalidParameter` if it is not of `handle_class`."""
    sync, asynchronous = HANDLES[_kind(info, sender.base_url)]
    handle = sync(sender, info) if isinstance(sender, SyncConnection) else asynchronous(sender, info)
    if handle_class is not None and not isinstance(handle, handle_class):
        found = type(handle).__name__
        raise InvalidParameter(
            "handle", f"'{info['id']}' is not a {handle_class.__name__}; its handle is of class {found}."
        )
    return handle


def _kind(info: ModelDict, url: str) -> str:
    """The key of `HANDLES` for a model: its type, and for language models whether it chats."""
    if info["model_type"] == "LLM":
        return "chat" if "chat" in info["model_ability"] else "generate"
    if info["model_type"] in HANDLES:
        return info["model_type"]
    raise BadRequest(
        f"This client has no handle for {info['model_type']} models; use the openai library with base_url {url}/v1."
    )
