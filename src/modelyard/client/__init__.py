"""The Python client: `with Client() as client: client.models.launch("demo")`.

It imports the package's public interface only. Each call is defined once, for the synchronous and the asynchronous
client."""

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
from modelyard.client.media import (
    AsyncAudioModel,
    AsyncImageModel,
    AsyncVideoModel,
    AudioModel,
    ImageModel,
    VideoModel,
)
from modelyard.client.request import Request
from modelyard.client.stream import AsyncStream, Stream

RESTfulClient = Client
"""The name of the class in programs written for Xinference."""
AsyncRESTfulClient = AsyncClient

__all__ = [
    "AsyncAudioModel",
    "AsyncChatModel",
    "AsyncClient",
    "AsyncEmbeddingModel",
    "AsyncGenerateModel",
    "AsyncImageModel",
    "AsyncRESTfulClient",
    "AsyncRerankModel",
    "AsyncStream",
    "AsyncVideoModel",
    "AudioModel",
    "ChatModel",
    "Client",
    "EmbeddingModel",
    "GenerateModel",
    "ImageModel",
    "RESTfulClient",
    "Request",
    "RerankModel",
    "Stream",
    "VideoModel",
]
