"""The client of a running server: `infer` sends requests concurrently, `infer_async` sends one; both can collect statistics."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import nullcontext
from types import TracebackType
from typing import Any, Self

from modelyard.client import AsyncClient, Client, Request
from modelyard.core.errors import NotFound
from modelyard.infer.requests import AdapterRequest, InferRequest, RequestConfig, chat_body, model_of
from modelyard.infer.responses import ChatCompletionResponse, ChatCompletionStreamResponse, ModelList, assembled, read
from modelyard.infer.stats import InferStats, RequestSample

CONCURRENCY = 64
"""Concurrent requests; further ones wait in the client. Engines batch what they can and queue the rest."""

AnyRequest = InferRequest | Mapping[str, Any]
Metrics = Sequence[InferStats] | None


class InferClient:
    """A client of a running server, with the methods of an engine. `base_url` may end in `/v1`."""

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 8000,
        api_key: str | None = "EMPTY",
        *,
        base_url: str | None = None,
        model: str | None = None,
    ) -> None:
        self.base_url = (base_url or f"http://{host}:{port}").rstrip("/").removesuffix("/v1")
        self._api_key = api_key
        self._client = Client(self.base_url, api_key)
        self._model = model

    @property
    def model(self) -> str:
        """The model for requests without an adapter: the given one, else the first in the server's list."""
        if self._model is None:
            if not (found := self.models):
                raise NotFound(f"No model runs at {self.base_url}.")
            self._model = found[0]
        return self._model

    @property
    def models(self) -> list[str]:
        """Names of the server's models, the base first."""
        return [each.id for each in self.get_model_list().data]

    def get_model_list(self) -> ModelList:
        """The server's models."""
        return read(ModelList, self._client.send(Request("GET", "/v1/models", lambda answer: answer)))

    def infer(
        self,
        infer_requests: Sequence[AnyRequest],
        request_config: RequestConfig | None = None,
        metrics: Metrics = None,
        *,
        use_tqdm: bool = False,
        adapter_request: AdapterRequest | None = None,
        max_concurrency: int = CONCURRENCY,
    ) -> list[Any]:
        """Answers in the order of the requests: `ChatCompletionResponse`s, or with `stream` an iterator of chunks each.

        Raises the first error; `infer_async` and `modelyard infer --val_dataset` continue after errors.
        """
        config = request_config or RequestConfig()
        bodies = [self._body(each, config, adapter_request) for each in infer_requests]
        if config.stream:
            return [self._stream(body, metrics) for body in bodies]
        if not bodies:
            return []
        with ThreadPoolExecutor(min(len(bodies), max_concurrency)) as pool, _bar(len(bodies), use_tqdm) as tick:
            futures = [pool.submit(self._whole, body, metrics) for body in bodies]
            try:
                for done in as_completed(futures):
                    done.result()
                    tick()
            finally:
                for future in futures:
                    future.cancel()
            return [future.result() for future in futures]

    async def infer_async(
        self,
        infer_request: AnyRequest,
        request_config: RequestConfig | None = None,
        *,
        adapter_request: AdapterRequest | None = None,
    ) -> Any:
        """Return one answer, or with `stream` an asynchronous iterator of its chunks."""
        config = request_config or RequestConfig()
        body = self._body(infer_request, config, adapter_request)
        request: Request[Any] = Request("POST", "/v1/chat/completions", lambda answer: answer, body=body)
        if config.stream:
            return self._stream_async(request)
        async with AsyncClient(self.base_url, self._api_key) as client:
            return read(ChatCompletionResponse, await client.send(request))

    def _body(self, request: AnyRequest, config: RequestConfig, adapter: AdapterRequest | None) -> dict[str, Any]:
        self._prepare(adapter)
        body = {"model": model_of(self.model, adapter), **chat_body(request, config)}
        return {**body, "stream": True, "stream_options": {"include_usage": True}} if config.stream else body

    def _prepare(self, adapter: AdapterRequest | None) -> None:
        """Do nothing: the adapters of a running server are loaded already."""

    def _whole(self, body: dict[str, Any], metrics: Metrics) -> ChatCompletionResponse:
        """Return one whole answer. With metrics it is streamed, because only a stream shows when the answer begins."""
        if not metrics:
            request: Request[Any] = Request("POST", "/v1/chat/completions", lambda answer: answer, body=body)
            return read(ChatCompletionResponse, self._client.send(request))
        streamed = {**body, "stream": True, "stream_options": {"include_usage": True}}
        return read(ChatCompletionResponse, assembled(self._chunks(streamed, metrics)))

    def _stream(self, body: dict[str, Any], metrics: Metrics) -> Iterator[ChatCompletionStreamResponse]:
        for chunk in self._chunks(body, metrics):
            if chunk.get("choices"):
                yield read(ChatCompletionStreamResponse, chunk)

    def _chunks(self, body: dict[str, Any], metrics: Metrics) -> Iterator[dict[str, Any]]:
        clock = metrics[0].clock if metrics else None
        began = clock() if clock else 0.0
        first = 0.0
        usage: dict[str, Any] = {}
        with self._client.open(Request("POST", "/v1/chat/completions", lambda answer: answer, body=body)) as stream:
            for chunk in stream:
                if clock and not first and _has_content(chunk):
                    first = clock()
                usage = chunk.get("usage") or usage
                yield chunk
        if clock and metrics:
            ended = clock()
            sample = RequestSample(
                began, first or ended, ended, usage.get("prompt_tokens") or 0, usage.get("completion_tokens") or 0
            )
            for each in metrics:
                each.add(sample)

    async def _stream_async(self, request: Request[Any]) -> AsyncIterator[ChatCompletionStreamResponse]:
        async with AsyncClient(self.base_url, self._api_key) as client, await client.open(request) as stream:
            async for chunk in stream:
                if chunk.get("choices"):
                    yield read(ChatCompletionStreamResponse, chunk)

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _has_content(chunk: dict[str, Any]) -> bool:
    """Whether a chunk has a piece of the answer: text, thoughts or tool calls."""
    return any(
        choice.get("delta", {}).get(name)
        for choice in chunk.get("choices") or ()
        for name in ("content", "reasoning_content", "tool_calls")
    )


def _bar(total: int, visible: bool) -> Any:
    """A progress bar on stderr whose value is a function that advances it, or a function without effect."""
    if not visible:
        return nullcontext(lambda: None)
    from modelyard.infer.progress import bar

    return bar(total)
