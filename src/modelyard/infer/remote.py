"""Asking a server: `infer` many requests at once and in order, `infer_async` one; the figures of a run fall out of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import nullcontext
from types import TracebackType
from typing import Any, Self

from modelyard.client import AsyncClient, Client
from modelyard.client.target import Request
from modelyard.core.errors import NotFound
from modelyard.infer.requests import AdapterRequest, InferRequest, RequestConfig, asked_of, chat_body
from modelyard.infer.responses import ChatCompletionResponse, ChatCompletionStreamResponse, ModelList, assembled, read
from modelyard.infer.stats import InferStats, Sample

CONCURRENCY = 64
"""Requests under way at once; more wait here. Engines batch what they can and queue the rest."""

Asked = InferRequest | Mapping[str, Any]
Metrics = Sequence[InferStats] | None


class InferClient:
    """A server that runs already, asked as an engine is. `base_url` may end in `/v1`."""

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
        """The model that is asked where no adapter is named: the given one, else the first that the server lists."""
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
        infer_requests: Sequence[Asked],
        request_config: RequestConfig | None = None,
        metrics: Metrics = None,
        *,
        use_tqdm: bool = False,
        adapter_request: AdapterRequest | None = None,
        max_concurrency: int = CONCURRENCY,
    ) -> list[Any]:
        """Answers in the order of the requests: `ChatCompletionResponse`s, or with `stream` an iterator of chunks each.

        Raises the first error; `infer_async` and `modelyard infer --val_dataset` go on after one.
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
        infer_request: Asked,
        request_config: RequestConfig | None = None,
        *,
        adapter_request: AdapterRequest | None = None,
    ) -> Any:
        """One answer, or with `stream` an asynchronous iterator of its chunks."""
        config = request_config or RequestConfig()
        body = self._body(infer_request, config, adapter_request)
        request: Request[Any] = Request("POST", "/v1/chat/completions", lambda answer: answer, body=body)
        if config.stream:
            return self._stream_async(request)
        async with AsyncClient(self.base_url, self._api_key) as client:
            return read(ChatCompletionResponse, await client.send(request))

    def _body(self, request: Asked, config: RequestConfig, adapter: AdapterRequest | None) -> dict[str, Any]:
        self._prepare(adapter)
        body = {"model": asked_of(self.model, adapter), **chat_body(request, config)}
        return {**body, "stream": True, "stream_options": {"include_usage": True}} if config.stream else body

    def _prepare(self, adapter: AdapterRequest | None) -> None:
        """Nothing: a server's adapters are its own affair."""

    def _whole(self, body: dict[str, Any], metrics: Metrics) -> ChatCompletionResponse:
        """One answer. Where somebody measures, it comes as a stream, because only that shows when it begins."""
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
                if clock and not first and _says(chunk):
                    first = clock()
                usage = chunk.get("usage") or usage
                yield chunk
        if clock and metrics:
            ended = clock()
            sample = Sample(
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


def _says(chunk: dict[str, Any]) -> bool:
    """Whether a chunk carries anything of an answer."""
    return any(
        choice.get("delta", {}).get(name)
        for choice in chunk.get("choices") or ()
        for name in ("content", "reasoning_content", "tool_calls")
    )


def _bar(total: int, wanted: bool) -> Any:
    """A progress bar on stderr whose value is a function that moves it; a function that does nothing where none is wanted."""
    if not wanted:
        return nullcontext(lambda: None)
    from modelyard.infer.progress import bar

    return bar(total)
