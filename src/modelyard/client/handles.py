"""Handles of text models, which send requests to them: chat, completion, embeddings, ranking.

Bodies have OpenAI's format, and answers are returned as the engine wrote them. Each class of calls serves both clients:
`ChatModel` is what a `Client` returns, `AsyncChatModel` what an `AsyncClient` returns.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar, overload

from modelyard.client.calls import CallGroup, ClientMethod, S, Steps, call, exchange
from modelyard.client.connection import AsyncConnection, SyncConnection
from modelyard.client.request import Request, a_list, an_object, at, given
from modelyard.core.errors import BadRequest

if TYPE_CHECKING:
    from modelyard.client.completion_types import (
        ChatChunkDict,
        ChatCompletionDict,
        EmbeddingsDict,
        RankingDict,
        StreamedConfigDict,
        TextCompletionDict,
    )
    from modelyard.client.score_types import (
        ClassesDict,
        DetokenizedDict,
        ModerationsDict,
        TextScoresDict,
        TokenizedDict,
    )
    from modelyard.client.stream import AsyncStream, Stream
    from modelyard.client.types import ModelDict

Whole = TypeVar("Whole", covariant=True)
Chunks = TypeVar("Chunks", covariant=True)
Messages = Sequence[Mapping[str, Any]]
Tools = Sequence[Mapping[str, Any]] | None
Config = Mapping[str, Any]


class ModelHandle(CallGroup[S]):
    """A launched model of any kind: its `uid`, and in `info` the answer of `models.describe`."""

    def __init__(self, sender: S, info: ModelDict) -> None:
        super().__init__(sender)
        self.info = info
        self.uid = info["id"]

    @exchange
    def close(self) -> Steps[None]:
        """Does nothing, because the connection is the client's; Xinference's handles have this method."""
        yield from ()


class TokenCalls(ModelHandle[S]):
    """Calls about the tokens of a model that reads text."""

    @call
    def tokenize(
        self,
        /,
        prompt: str | None = None,
        messages: Messages | None = None,
        tools: Tools = None,
        add_special_tokens: bool | None = None,
        return_token_strs: bool | None = None,
        **options: Any,
    ) -> Request[TokenizedDict]:
        """The tokens of a text, or of a conversation as the chat template writes it; with `return_token_strs` their texts too."""
        body = given(prompt=prompt, messages=messages, tools=tools, add_special_tokens=add_special_tokens)
        body |= given(return_token_strs=return_token_strs, **options)
        return Request("POST", "/tokenize", an_object, body={"model": self.uid, **body})

    @call
    def detokenize(self, tokens: Sequence[int]) -> Request[DetokenizedDict]:
        """`{"prompt": …}`, the text of token ids."""
        return Request("POST", "/detokenize", an_object, body={"model": self.uid, "tokens": list(tokens)})


class ScoreCalls(TokenCalls[S]):
    """Calls to a model that compares texts, by vectors or by ranking."""

    @call
    def score(
        self, /, text_1: str | Sequence[str], text_2: str | Sequence[str], **options: Any
    ) -> Request[TextScoresDict]:
        """How much a text has to do with others, or each of several with its counterpart: `{"data": [{"index", "score"}]}`."""
        body = {"model": self.uid, "text_1": text_1, "text_2": text_2, **options}
        return Request("POST", at("score"), an_object, body=body)


class GenerateForms(Protocol[Whole, Chunks]):
    """`GenerateModel.generate`: chunks with `stream`, else the whole answer."""

    @overload
    def __call__(self, prompt: str, generate_config: Config | None = None, *, stream: Literal[True]) -> Chunks: ...
    @overload
    def __call__(self, prompt: str, generate_config: StreamedConfigDict) -> Chunks: ...
    @overload
    def __call__(
        self, prompt: str, generate_config: Config | None = None, *, stream: Literal[False] | None = None
    ) -> Whole: ...


class ChatForms(Protocol[Whole, Chunks]):
    """`ChatModel.chat`: chunks with `stream`, else the whole answer."""

    @overload
    def __call__(
        self,
        messages: Messages | str | None = None,
        tools: Tools = None,
        enable_thinking: bool | None = None,
        generate_config: Config | None = None,
        *,
        stream: Literal[True],
        prompt: str | None = None,
        system_prompt: str | None = None,
        chat_history: Messages | None = None,
    ) -> Chunks: ...
    @overload
    def __call__(
        self,
        messages: Messages | str | None = None,
        tools: Tools = None,
        enable_thinking: bool | None = None,
        *,
        generate_config: StreamedConfigDict,
    ) -> Chunks: ...
    @overload
    def __call__(
        self,
        messages: Messages | str | None = None,
        tools: Tools = None,
        enable_thinking: bool | None = None,
        generate_config: Config | None = None,
        *,
        stream: Literal[False] | None = None,
        prompt: str | None = None,
        system_prompt: str | None = None,
        chat_history: Messages | None = None,
    ) -> Whole: ...


def _generate_call(
    build: Callable[..., Request[Any]],
) -> ClientMethod[
    GenerateForms[TextCompletionDict, Stream[TextCompletionDict]],
    GenerateForms[Coroutine[Any, Any, TextCompletionDict], Coroutine[Any, Any, AsyncStream[TextCompletionDict]]],
]:
    return ClientMethod(build)


def _chat_call(
    build: Callable[..., Request[Any]],
) -> ClientMethod[
    ChatForms[ChatCompletionDict, Stream[ChatChunkDict]],
    ChatForms[Coroutine[Any, Any, ChatCompletionDict], Coroutine[Any, Any, AsyncStream[ChatChunkDict]]],
]:
    return ClientMethod(build)


class GenerateCalls(TokenCalls[S]):
    """Calls to a language model that continues text."""

    @_generate_call
    def generate(
        self, prompt: str, generate_config: Config | None = None, *, stream: bool | None = None
    ) -> Request[Any]:
        """Continue `prompt`; the keys of `generate_config` (`max_tokens`, `temperature`, …) go into the body.

        With `stream`, here or there, the answer is an iterator of chunks.
        """
        return _generation(at("completions"), self.uid, {"prompt": prompt}, generate_config, stream)


class ChatCalls(ModelHandle[S]):
    """Calls to a language model that answers messages."""

    @_chat_call
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
    ) -> Request[Any]:
        """Answer `messages` (OpenAI's shape); the keys of `generate_config` go into the body.

        With `stream`, here or there, the answer is an iterator of chunks. Programs written for Xinference before 0.15 give
        a text, and `system_prompt` and `chat_history` beside it.
        """
        messages = _messages(messages, prompt, system_prompt, chat_history)
        body = given(messages=messages, tools=tools, enable_thinking=enable_thinking)
        return _generation(at("chat", "completions"), self.uid, body, generate_config, stream)


class EmbeddingCalls(ScoreCalls[S]):
    """Calls to a model that turns text into vectors."""

    @call
    def convert_ids_to_tokens(self, /, input: Sequence[Any], **options: Any) -> Request[list[Any]]:
        """The texts of token ids, where the engine knows them."""
        body = {"model": self.uid, "input": input, **options}
        return Request("POST", at("convert_ids_to_tokens"), a_list, body=body)

    @call
    def create_embedding(self, /, input: str | Sequence[Any], **options: Any) -> Request[EmbeddingsDict]:
        """The vectors of a text or of several, in OpenAI's shape."""
        return Request("POST", at("embeddings"), an_object, body={"model": self.uid, "input": input, **options})


class RerankCalls(ScoreCalls[S]):
    """Calls to a model that orders documents by how well they answer a query."""

    @call
    def rerank(
        self,
        /,
        documents: Sequence[str | Mapping[str, Any]],
        query: str,
        top_n: int | None = None,
        max_chunks_per_doc: int | None = None,
        return_documents: bool | None = None,
        return_len: bool | None = None,
        **options: Any,
    ) -> Request[RankingDict]:
        """`{"results": [{"index", "relevance_score", "document"}]}`, best first."""
        options |= {"top_n": top_n, "max_chunks_per_doc": max_chunks_per_doc}
        options |= {"return_documents": return_documents, "return_len": return_len}
        body = {"model": self.uid, "query": query, "documents": documents, **given(**options)}
        return Request("POST", at("rerank"), an_object, body=body)

    @call
    def classify(self, /, input: str | Sequence[str], **options: Any) -> Request[ClassesDict]:
        """The probability of each label, of a model that classifies texts."""
        return Request("POST", "/classify", an_object, body={"model": self.uid, "input": input, **options})

    @call
    def moderate(self, input: str | Sequence[str] | Sequence[Mapping[str, Any]]) -> Request[ModerationsDict]:
        """OpenAI's moderation by a model that classifies texts: its labels are the categories."""
        return Request("POST", at("moderations"), an_object, body={"model": self.uid, "input": input})


class GenerateModel(GenerateCalls[SyncConnection]):
    """A language model that continues text."""


class ChatModel(ChatCalls[SyncConnection], GenerateModel):
    """A language model that answers messages."""


class EmbeddingModel(EmbeddingCalls[SyncConnection]):
    """A model that turns text into vectors."""


class RerankModel(RerankCalls[SyncConnection]):
    """A model that orders documents by how well they answer a query."""


class AsyncGenerateModel(GenerateCalls[AsyncConnection]):
    """`GenerateModel` of the async client."""


class AsyncChatModel(ChatCalls[AsyncConnection], AsyncGenerateModel):
    """`ChatModel` of the async client."""


class AsyncEmbeddingModel(EmbeddingCalls[AsyncConnection]):
    """`EmbeddingModel` of the async client."""


class AsyncRerankModel(RerankCalls[AsyncConnection]):
    """`RerankModel` of the async client."""


def _messages(
    messages: Messages | str | None, prompt: str | None, system_prompt: str | None, chat_history: Messages | None
) -> Messages:
    """The messages of a chat, whether given as such or in the older way: a text beside the messages before it."""
    if messages is not None and not isinstance(messages, str):
        return messages
    text = prompt if messages is None else messages
    if text is None:
        raise BadRequest("There is nothing to answer: give messages, or a prompt.")
    system = [{"role": "system", "content": system_prompt}] if system_prompt else []
    return [*system, *(chat_history or ()), {"role": "user", "content": text}]


def _generation(
    path: str, model: str, body: dict[str, Any], config: Config | None, stream: bool | None
) -> Request[Any]:
    """A request for text, whose answer streams if the argument says so, or else if the generation settings do."""
    streams = bool((config or {}).get("stream")) if stream is None else stream
    merged = {**(config or {}), **body, "model": model, "stream": streams}
    return Request("POST", path, an_object, body=merged, streams=streams)
