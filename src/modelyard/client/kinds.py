"""Which handle a launched model gets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelyard.client import handles, media
from modelyard.core.errors import BadRequest

if TYPE_CHECKING:
    from modelyard.client.types import ModelInfo

HANDLES: dict[str, tuple[type[handles.Handle], type[handles.AsyncHandle]]] = {
    "chat": (handles.ChatModel, handles.AsyncChatModel),
    "generate": (handles.GenerateModel, handles.AsyncGenerateModel),
    "embedding": (handles.EmbeddingModel, handles.AsyncEmbeddingModel),
    "rerank": (handles.RerankModel, handles.AsyncRerankModel),
    "image": (media.ImageModel, media.AsyncImageModel),
    "video": (media.VideoModel, media.AsyncVideoModel),
    "audio": (media.AudioModel, media.AsyncAudioModel),
}


def kind(info: ModelInfo, url: str) -> str:
    """Which of `HANDLES` suits a model: its type, and for language models whether it chats."""
    if info["model_type"] == "LLM":
        return "chat" if "chat" in info["model_ability"] else "generate"
    if info["model_type"] in HANDLES:
        return info["model_type"]
    raise BadRequest(
        f"This client has no handle for {info['model_type']} models; use the openai library with base_url {url}/v1."
    )
