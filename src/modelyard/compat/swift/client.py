"""The functions of ms-swift's client for a deployed server, which send a query with its history."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack
from typing import Any

from modelyard.catalog.swift_models import swift_models
from modelyard.client import AsyncClient, Client, Request
from modelyard.core.errors import InvalidParameter
from modelyard.infer.requests import RequestConfig, with_images
from modelyard.infer.responses import (
    ChatCompletionResponse,
    ChatCompletionStreamResponse,
    CompletionResponse,
    ModelList,
    read,
)


def generation_body(
    model: str,
    query: str,
    history: Sequence[Sequence[str]] | None,
    system: str | None,
    *,
    images: Sequence[str] = (),
    config: RequestConfig,
    chat: bool,
) -> dict[str, Any]:
    """The body of a chat or completion request. Raises `InvalidParameter` for a history without a chat."""
    stream = {"stream": True, "stream_options": {"include_usage": True}} if config.stream else {}
    if not chat:
        if history or system:
            raise InvalidParameter("history", f"'{model}' only continues text; it takes neither history nor system.")
        return {"model": model, "prompt": query, **config.body(chat=False), **stream}
    messages = [{"role": "system", "content": system}] if system else []
    for question, answer in history or ():
        messages += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    messages.append({"role": "user", "content": query})
    return {"model": model, "messages": with_images(messages, images), **config.body(), **stream}


def generation_request(body: Mapping[str, Any]) -> Request[Any]:
    path = "/v1/chat/completions" if "messages" in body else "/v1/completions"
    return Request("POST", path, lambda answer: answer, body=body)


def get_model_list_client(
    host: str = "127.0.0.1", port: str | int = "8000", api_key: str = "EMPTY", url: str | None = None
) -> ModelList:
    """The models of a deployed server, the base first."""
    with Client(url or f"http://{host}:{port}", api_key) as client:
        return read(ModelList, client.send(_listing()))


async def get_model_list_client_async(
    host: str = "127.0.0.1", port: str | int = "8000", api_key: str = "EMPTY", url: str | None = None
) -> ModelList:
    """The asynchronous version of `get_model_list_client`."""
    async with AsyncClient(url or f"http://{host}:{port}", api_key) as client:
        return read(ModelList, await client.send(_listing()))


def _listing() -> Request[Any]:
    return Request("GET", "/v1/models", lambda answer: answer)


def chats(model: str, models: ModelList) -> bool:
    """Whether a server's model is a chat model: by the name that it was launched by, else by the server's list."""
    entry = next((each for each in models.data if each.id == model), None)
    known = swift_models().get((entry.parent if entry else None) or model)
    if known is not None:
        return known.chats
    return entry is None or entry.is_chat is not False


def inference_client(
    model_type: str,
    query: str,
    history: Sequence[Sequence[str]] | None = None,
    system: str | None = None,
    images: Sequence[str] | None = None,
    tools: Sequence[Mapping[str, Any]] | None = None,
    tool_choice: str | Mapping[str, Any] | None = None,
    *,
    is_chat_request: bool | None = None,
    is_multimodal: bool | None = None,
    request_config: RequestConfig | None = None,
    host: str = "127.0.0.1",
    port: str | int = "8000",
    api_key: str = "EMPTY",
    url: str | None = None,
) -> Any:
    """Send a query to a deployed server. Returns the whole answer, or with `stream` an iterator of chunks."""
    config = request_config or RequestConfig()
    with ExitStack() as stack:
        client = stack.enter_context(Client(url or f"http://{host}:{port}", api_key))
        chat = is_chat_request
        if chat is None:
            chat = chats(model_type, read(ModelList, client.send(_listing())))
        body = generation_body(model_type, query, history, system, images=images or (), config=config, chat=chat)
        request = generation_request(body | _tools(tools, tool_choice))
        if config.stream:
            stack.pop_all()  # the stream closes the client
            return _stream(client, request, chat)
        return read(ChatCompletionResponse if chat else CompletionResponse, client.send(request))


async def inference_client_async(
    model_type: str,
    query: str,
    history: Sequence[Sequence[str]] | None = None,
    system: str | None = None,
    images: Sequence[str] | None = None,
    tools: Sequence[Mapping[str, Any]] | None = None,
    tool_choice: str | Mapping[str, Any] | None = None,
    *,
    is_chat_request: bool | None = None,
    is_multimodal: bool | None = None,
    request_config: RequestConfig | None = None,
    host: str = "127.0.0.1",
    port: str | int = "8000",
    api_key: str = "EMPTY",
    url: str | None = None,
) -> Any:
    """The asynchronous version of `inference_client`; with `stream`, an asynchronous iterator of chunks."""
    config = request_config or RequestConfig()
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(AsyncClient(url or f"http://{host}:{port}", api_key))
        chat = is_chat_request
        if chat is None:
            chat = chats(model_type, read(ModelList, await client.send(_listing())))
        body = generation_body(model_type, query, history, system, images=images or (), config=config, chat=chat)
        request = generation_request(body | _tools(tools, tool_choice))
        if config.stream:
            stack.pop_all()  # the stream closes the client
            return _stream_async(client, request, chat)
        return read(ChatCompletionResponse if chat else CompletionResponse, await client.send(request))


def _tools(tools: Sequence[Mapping[str, Any]] | None, choice: Any) -> dict[str, Any]:
    if not tools:
        return {}
    return {"tools": list(tools)} | ({"tool_choice": choice} if choice else {})


def _stream(client: Client, request: Request[Any], chat: bool) -> Iterator[Any]:
    kind = ChatCompletionStreamResponse if chat else CompletionResponse
    with client, client.open(request) as stream:
        for chunk in stream:
            if chunk.get("choices"):
                yield read(kind, chunk)


async def _stream_async(client: AsyncClient, request: Request[Any], chat: bool) -> AsyncIterator[Any]:
    kind = ChatCompletionStreamResponse if chat else CompletionResponse
    async with client, await client.open(request) as stream:
        async for chunk in stream:
            if chunk.get("choices"):
                yield read(kind, chunk)
