"""The Python client: `with Client() as client: client.launch_model("demo")`."""

from modelyard.client.client import AsyncClient, Client
from modelyard.client.handles import (
    AsyncChatModel,
    AsyncEmbeddingModel,
    AsyncGenerateModel,
    AsyncRerankModel,
    ChatModel,
    EmbeddingModel,
    GenerateModel,
    RerankModel,
)
from modelyard.client.stream import AsyncStream, Stream

__all__ = [
    "AsyncChatModel",
    "AsyncClient",
    "AsyncEmbeddingModel",
    "AsyncGenerateModel",
    "AsyncRerankModel",
    "AsyncStream",
    "ChatModel",
    "Client",
    "EmbeddingModel",
    "GenerateModel",
    "RerankModel",
    "Stream",
]
