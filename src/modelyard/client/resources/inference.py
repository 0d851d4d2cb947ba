"""Requests to a model: chat, completion, embeddings, rerank. Bodies are OpenAI's; answers come back as the engine wrote them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from modelyard.client.target import Request, a_list, an_object, at, given
from modelyard.core.errors import BadRequest

Answer = dict[str, Any]
Config = Mapping[str, Any]


def wants_stream(stream: bool | None, config: Config | None) -> bool:
    """Whether an answer in chunks is asked for: by the argument, or else by `stream` in the generation settings."""
    return bool((config or {}).get("stream")) if stream is None else stream


def conversation(
    messages: Sequence[Mapping[str, Any]] | str | None,
    prompt: str | None,
    system_prompt: str | None,
    chat_history: Sequence[Mapping[str, Any]] | None,
) -> Sequence[Mapping[str, Any]]:
    """The messages of a chat, whether given as such or in the older way: a text, after what was said before."""
    if messages is not None and not isinstance(messages, str):
        return messages
    text = prompt if messages is None else messages
    if text is None:
        raise BadRequest("There is nothing to answer: give messages, or a prompt.")
    said = [{"role": "system", "content": system_prompt}] if system_prompt else []
    return [*said, *(chat_history or ()), {"role": "user", "content": text}]


def chat(
    model: str,
    messages: Sequence[Mapping[str, Any]],
    tools: Sequence[Mapping[str, Any]] | None,
    enable_thinking: bool | None,
    generate_config: Config | None,
    stream: bool | None,
) -> Request[Answer]:
    """A chat request; the keys of `generate_config` become keys of the body."""
    body = given(messages=messages, tools=tools, enable_thinking=enable_thinking)
    return _generation(at("chat", "completions"), model, body, generate_config, stream)


def generate(model: str, prompt: str, generate_config: Config | None, stream: bool | None) -> Request[Answer]:
    """A completion request; the keys of `generate_config` become keys of the body."""
    return _generation(at("completions"), model, {"prompt": prompt}, generate_config, stream)


def create_embedding(model: str, texts: str | Sequence[Any], options: Mapping[str, Any]) -> Request[Answer]:
    """An embedding request."""
    return Request("POST", at("embeddings"), an_object, body={"model": model, "input": texts, **options})


def convert_ids_to_tokens(model: str, ids: Sequence[Any], options: Mapping[str, Any]) -> Request[list[Any]]:
    """The texts of token ids."""
    body = {"model": model, "input": ids, **options}
    return Request("POST", at("convert_ids_to_tokens"), a_list, body=body)


def rerank(
    model: str, documents: Sequence[str | Mapping[str, Any]], query: str, options: Mapping[str, Any]
) -> Request[Answer]:
    """A rerank request."""
    body = {"model": model, "query": query, "documents": documents, **given(**options)}
    return Request("POST", at("rerank"), an_object, body=body)


def _generation(
    path: str, model: str, body: dict[str, Any], config: Config | None, stream: bool | None
) -> Request[Answer]:
    merged = {**(config or {}), **body, "model": model, "stream": wants_stream(stream, config)}
    return Request("POST", path, an_object, body=merged)
