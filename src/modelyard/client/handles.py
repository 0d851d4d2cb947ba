"""What one can ask of a launched model of text: chat, completion, embeddings, rerank; each sync and async."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar, overload

from modelyard.client.resources import inference
from modelyard.client.resources.inference import Answer, Config, wants_stream

if TYPE_CHECKING:
    from modelyard.client.stream import AsyncStream, Stream
    from modelyard.client.target import Request
    from modelyard.client.types import ModelInfo

T = TypeVar("T")
Messages = Sequence[Mapping[str, Any]]
Tools = Sequence[Mapping[str, Any]] | None


class Sender(Protocol):
    """The part of `Client` that a handle needs."""

    def send(self, request: Request[T]) -> T: ...

    def open(self, request: Request[Any]) -> Stream: ...

    def open_bytes(self, request: Request[bytes]) -> Iterator[bytes]: ...


class AsyncSender(Protocol):
    """The part of `AsyncClient` that a handle needs."""

    async def send(self, request: Request[T]) -> T: ...

    async def open(self, request: Request[Any]) -> AsyncStream: ...

    async def open_bytes(self, request: Request[bytes]) -> AsyncIterator[bytes]: ...


def described(method: Callable[..., Any], build: Callable[..., Any], leave_out: int = 1) -> None:
    """Give a method the name, manual and signature of what builds its request, for `help()` and editors.

    The first `leave_out` parameters of the builder are those that the method fills in itself.
    """
    functools.update_wrapper(method, build)
    signature = inspect.signature(build)
    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    answer = str(signature.return_annotation).removeprefix("Request[").removesuffix("]")
    given = list(signature.parameters.values())[leave_out:]
    signature = signature.replace(parameters=[own, *given], return_annotation=answer)
    setattr(method, "__signature__", signature)  # noqa: B010 - functions have no such attribute for the type checker


class Handle:
    """A launched model of any kind: its `uid` and what `describe_model` said of it in `info`."""

    def __init__(self, sender: Sender, info: ModelInfo) -> None:
        self._sender = sender
        self.info = info
        self.uid = info["id"]

    def close(self) -> None:
        """Nothing: the connection is the client's."""


class GenerateModel(Handle):
    """A language model that continues text."""

    @overload
    def generate(self, prompt: str, generate_config: Config | None = None, *, stream: Literal[True]) -> Stream: ...
    @overload
    def generate(
        self, prompt: str, generate_config: None = None, *, stream: Literal[False] | None = None
    ) -> Answer: ...
    @overload
    def generate(self, prompt: str, generate_config: Config | None = None, *, stream: bool | None = None) -> Any: ...

    def generate(
        self, prompt: str, generate_config: Config | None = None, *, stream: bool | None = None
    ) -> Answer | Stream:
        """Continue `prompt`; the keys of `generate_config` (`max_tokens`, `temperature`, …) go into the body.

        With `stream`, here or there, the answer is an iterator of chunks.
        """
        request = inference.generate(self.uid, prompt, generate_config, stream)
        return self._sender.open(request) if wants_stream(stream, generate_config) else self._sender.send(request)


class ChatModel(GenerateModel):
    """A language model that answers messages."""

    @overload
    def chat(
        self,
        messages: Messages,
        tools: Tools = None,
        enable_thinking: bool | None = None,
        generate_config: Config | None = None,
        *,
        stream: Literal[True],
    ) -> Stream: ...
    @overload
    def chat(
        self,
        messages: Messages,
        tools: Tools = None,
        enable_thinking: bool | None = None,
        generate_config: None = None,
        *,
        stream: Literal[False] | None = None,
    ) -> Answer: ...
    @overload
    def chat(
        self,
        messages: Messages | str | None = None,
        tools: Tools = None,
        enable_thinking: bool | None = None,
        generate_config: Config | None = None,
        *,
        stream: bool | None = None,
        prompt: str | None = None,
        system_prompt: str | None = None,
        chat_history: Messages | None = None,
    ) -> Any: ...

    def chat(
        self,
        messages: Messages | str | None = None,
        tools: Tools = None,
        enable_thinking: bool | None = None,
        generate_config: Config | None = None,
        *,
        stream: bool | None = None,
        prompt: str | None = None,
        system_prompt: str | None = None,
        chat_history: Messages | None = None,
    ) -> Answer | Stream:
        """Answer `messages` (OpenAI's shape); the keys of `generate_config` go into the body.

        With `stream`, here or there, the answer is an iterator of chunks. Programs written for Xinference before 0.15 give
        a text, and `system_prompt` and `chat_history` beside it.
        """
        messages = inference.conversation(messages, prompt, system_prompt, chat_history)
        request = inference.chat(self.uid, messages, tools, enable_thinking, generate_config, stream)
        return self._sender.open(request) if wants_stream(stream, generate_config) else self._sender.send(request)


class EmbeddingModel(Handle):
    """A model that turns text into vectors."""

    def convert_ids_to_tokens(self, input: Sequence[Any], **options: Any) -> list[Any]:
        """The texts of token ids, where the server can tell them."""
        return self._sender.send(inference.convert_ids_to_tokens(self.uid, input, options))

    def create_embedding(self, input: str | Sequence[Any], **options: Any) -> Answer:
        """The vectors of a text or of several, in OpenAI's shape."""
        return self._sender.send(inference.create_embedding(self.uid, input, options))


class RerankModel(Handle):
    """A model that orders documents by how well they answer a query."""

    def rerank(
        self,
        documents: Sequence[str | Mapping[str, Any]],
        query: str,
        top_n: int | None = None,
        max_chunks_per_doc: int | None = None,
        return_documents: bool | None = None,
        return_len: bool | None = None,
        **options: Any,
    ) -> Answer:
        """`{"results": [{"index", "relevance_score", "document"}]}`, best first."""
        options |= {"top_n": top_n, "max_chunks_per_doc": max_chunks_per_doc}
        options |= {"return_documents": return_documents, "return_len": return_len}
        return self._sender.send(inference.rerank(self.uid, documents, query, options))


class AsyncHandle:
    """The async twin of `Handle`."""

    def __init__(self, sender: AsyncSender, info: ModelInfo) -> None:
        self._sender = sender
        self.info = info
        self.uid = info["id"]

    async def close(self) -> None:
        """Nothing: the connection is the client's."""


class AsyncGenerateModel(AsyncHandle):
    """The async twin of `GenerateModel`."""

    @overload
    async def generate(
        self, prompt: str, generate_config: Config | None = None, *, stream: Literal[True]
    ) -> AsyncStream: ...
    @overload
    async def generate(
        self, prompt: str, generate_config: None = None, *, stream: Literal[False] | None = None
    ) -> Answer: ...
    @overload
    async def generate(
        self, prompt: str, generate_config: Config | None = None, *, stream: bool | None = None
    ) -> Any: ...

    async def generate(
        self, prompt: str, generate_config: Config | None = None, *, stream: bool | None = None
    ) -> Answer | AsyncStream:
        """As `GenerateModel.generate`; a stream is iterated with `async for`."""
        request = inference.generate(self.uid, prompt, generate_config, stream)
        if wants_stream(stream, generate_config):
            return await self._sender.open(request)
        return await self._sender.send(request)


class AsyncChatModel(AsyncGenerateModel):
    """The async twin of `ChatModel`."""

    @overload
    async def chat(
        self,
        messages: Messages,
        tools: Tools = None,
        enable_thinking: bool | None = None,
        generate_config: Config | None = None,
        *,
        stream: Literal[True],
    ) -> AsyncStream: ...
    @overload
    async def chat(
        self,
        messages: Messages,
        tools: Tools = None,
        enable_thinking: bool | None = None,
        generate_config: None = None,
        *,
        stream: Literal[False] | None = None,
    ) -> Answer: ...
    @overload
    async def chat(
        self,
        messages: Messages | str | None = None,
        tools: Tools = None,
        enable_thinking: bool | None = None,
        generate_config: Config | None = None,
        *,
        stream: bool | None = None,
        prompt: str | None = None,
        system_prompt: str | None = None,
        chat_history: Messages | None = None,
    ) -> Any: ...

    async def chat(
        self,
        messages: Messages | str | None = None,
        tools: Tools = None,
        enable_thinking: bool | None = None,
        generate_config: Config | None = None,
        *,
        stream: bool | None = None,
        prompt: str | None = None,
        system_prompt: str | None = None,
        chat_history: Messages | None = None,
    ) -> Answer | AsyncStream:
        """As `ChatModel.chat`; a stream is iterated with `async for`."""
        messages = inference.conversation(messages, prompt, system_prompt, chat_history)
        request = inference.chat(self.uid, messages, tools, enable_thinking, generate_config, stream)
        if wants_stream(stream, generate_config):
            return await self._sender.open(request)
        return await self._sender.send(request)


class AsyncEmbeddingModel(AsyncHandle):
    """The async twin of `EmbeddingModel`."""

    async def convert_ids_to_tokens(self, input: Sequence[Any], **options: Any) -> list[Any]:
        """The texts of token ids, where the server can tell them."""
        return await self._sender.send(inference.convert_ids_to_tokens(self.uid, input, options))

    async def create_embedding(self, input: str | Sequence[Any], **options: Any) -> Answer:
        """The vectors of a text or of several, in OpenAI's shape."""
        return await self._sender.send(inference.create_embedding(self.uid, input, options))


class AsyncRerankModel(AsyncHandle):
    """The async twin of `RerankModel`."""

    async def rerank(
        self,
        documents: Sequence[str | Mapping[str, Any]],
        query: str,
        top_n: int | None = None,
        max_chunks_per_doc: int | None = None,
        return_documents: bool | None = None,
        return_len: bool | None = None,
        **options: Any,
    ) -> Answer:
        """`{"results": [{"index", "relevance_score", "document"}]}`, best first."""
        options |= {"top_n": top_n, "max_chunks_per_doc": max_chunks_per_doc}
        options |= {"return_documents": return_documents, "return_len": return_len}
        return await self._sender.send(inference.rerank(self.uid, documents, query, options))
