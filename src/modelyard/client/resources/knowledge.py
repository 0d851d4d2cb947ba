"""Requests about knowledge bases: making, searching, asking and indexing them anew, and their jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from modelyard.client.target import Request, a_list, an_object, at, given

Answer = dict[str, Any]
BASES = "knowledge_bases"


def list_knowledge_bases() -> Request[list[Answer]]:
    """Every base that the key may read, with how much is in it."""
    return Request("GET", at(BASES), lambda answer: list(answer["data"]))


def create_knowledge_base(
    name: str,
    embedding_model: str | None = None,
    description: str | None = None,
    language: str | None = None,
    rerank_model: str | None = None,
    chat_model: str | None = None,
    chunking: Mapping[str, Any] | None = None,
    prompts: Mapping[str, str] | None = None,
) -> Request[Answer]:
    """Make an empty base. Without an embedding model it is searched by words alone; `chunking` has `size` and `overlap`."""
    settings = _settings(description, language, rerank_model, chat_model, prompts)
    body = {"name": name, **settings, **given(embedding_model=embedding_model, chunking=chunking)}
    return Request("POST", at(BASES), an_object, body=body)


def describe_knowledge_base(base: str) -> Request[Answer]:
    """A base, with how much is in it and which jobs run."""
    return Request("GET", at(BASES, base), an_object)


def configure_knowledge_base(
    base: str,
    name: str | None = None,
    description: str | None = None,
    language: str | None = None,
    rerank_model: str | None = None,
    chat_model: str | None = None,
    prompts: Mapping[str, str] | None = None,
) -> Request[Answer]:
    """Change what needs no new index; `name` is another name, an empty model is none."""
    body = {**_settings(description, language, rerank_model, chat_model, prompts), **given(name=name)}
    return Request("PATCH", at(BASES, base), an_object, body=body)


def delete_knowledge_base(base: str) -> Request[Answer]:
    """Delete a base with all its documents."""
    return Request("DELETE", at(BASES, base), an_object, patient=True)


def reindex_knowledge_base(
    base: str, embedding_model: str | None = None, chunking: Mapping[str, Any] | None = None, force: bool = False
) -> Request[str]:
    """Make all chunks anew in the background; searches use the old ones until then. Returns the id of the job.

    An empty `embedding_model` is none from now on; `force` makes chunks anew, too, that somebody edited.
    """
    body = {"force": force, **given(embedding_model=embedding_model, chunking=chunking)}
    return Request("POST", at(BASES, base, "reindex"), lambda answer: str(answer["job"]), body=body)


def knowledge_formats() -> Request[dict[str, str]]:
    """Extensions of documents that the server reads, each with what it is."""
    return Request("GET", at(BASES, "formats"), an_object)


def search_knowledge(
    bases: str | Sequence[str],
    query: str,
    top_k: int = 5,
    mode: str = "hybrid",
    filter: Mapping[str, Any] | None = None,
    rerank: bool | None = None,
    rerank_model: str | None = None,
    min_score: float = 0.0,
) -> Request[Answer]:
    """Search a base, or several whose hits are ranked together; hits stand in `data`, best first, remarks in `notes`.

    `mode` is `hybrid`, `lexical` or `vector`; without `rerank`, the base's ranking model is used where it answers.
    """
    body = {"query": query, "top_k": top_k, "mode": mode, "filter": dict(filter or {}), "min_score": min_score}
    return _about(bases, "search", body | given(rerank=rerank, rerank_model=rerank_model))


def ask_knowledge(
    bases: str | Sequence[str],
    question: str,
    model: str | None = None,
    conversation: str | None = None,
    top_k: int = 5,
    mode: str = "hybrid",
    filter: Mapping[str, Any] | None = None,
    rerank: bool | None = None,
    min_score: float = 0.0,
    temperature: float | None = None,
    max_tokens: int | None = None,
) -> Request[Answer]:
    """Answer a question from one or several bases; `citations` has the sources that the answer names.

    `evidence` is false where nothing was found that the question is about. `conversation` goes on with one; `new` begins one.
    """
    body = {"question": question, "top_k": top_k, "mode": mode, "filter": dict(filter or {}), "min_score": min_score}
    more = given(model=model, conversation=conversation, rerank=rerank, temperature=temperature, max_tokens=max_tokens)
    return _about(bases, "answer", body | more, patient=True)


def stream_knowledge_answer(
    bases: str | Sequence[str],
    question: str,
    model: str | None = None,
    conversation: str | None = None,
    top_k: int = 5,
    mode: str = "hybrid",
    filter: Mapping[str, Any] | None = None,
    rerank: bool | None = None,
    min_score: float = 0.0,
    temperature: float | None = None,
    max_tokens: int | None = None,
) -> Request[Any]:
    """What `ask_knowledge` answers, as it comes: events whose `type` is `sources`, `token` and, at last, `answer`."""
    body = {"question": question, "top_k": top_k, "mode": mode, "filter": dict(filter or {}), "min_score": min_score}
    more = given(model=model, conversation=conversation, rerank=rerank, temperature=temperature, max_tokens=max_tokens)
    return _about(bases, "answer", body | more | {"stream": True}, patient=True)


def list_knowledge_jobs(base: str) -> Request[list[Answer]]:
    """The last jobs of a base, newest first."""
    return Request("GET", at(BASES, base, "jobs"), a_list)


def get_knowledge_job(base: str, job: str) -> Request[Answer]:
    """How far a job is: `state`, `total`, `done`, `failed`, `chunks`, and why documents failed in `problems`."""
    return Request("GET", at(BASES, base, "jobs", job), an_object)


def follow_knowledge_job(base: str, job: str) -> Request[Any]:
    """What `get_knowledge_job` answers, whenever it has changed, until the job is finished."""
    return Request("GET", at(BASES, base, "jobs", job), an_object, query={"stream": "true"}, patient=True)


def cancel_knowledge_job(base: str, job: str) -> Request[Answer]:
    """Let a job do no more. Documents that it has indexed stay."""
    return Request("DELETE", at(BASES, base, "jobs", job), an_object)


def _settings(
    description: str | None,
    language: str | None,
    rerank_model: str | None,
    chat_model: str | None,
    prompts: Mapping[str, str] | None,
) -> dict[str, Any]:
    return given(
        description=description, language=language, rerank_model=rerank_model, chat_model=chat_model, prompts=prompts
    )


def _about(bases: str | Sequence[str], what: str, body: dict[str, Any], patient: bool = False) -> Request[Answer]:
    """To one base, or to several."""
    if isinstance(bases, str):
        return Request("POST", at(BASES, bases, what), an_object, body=body, patient=patient)
    body = {"knowledge_bases": list(bases), **body}
    return Request("POST", at(BASES, what), an_object, body=body, patient=patient)
