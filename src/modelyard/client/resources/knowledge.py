"""`client.knowledge`: knowledge bases, searching and asking them, and the jobs that index them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from modelyard.client.calls import CallGroup, S, call, pages_call, stream_call
from modelyard.client.request import Request, an_object, at, data_of, given

if TYPE_CHECKING:
    from modelyard.client.knowledge_types import AnswerDict, BaseDict, DeletedDict, KnowledgeJobDict, SearchDict

BASES = "knowledge_bases"
JobList = list["KnowledgeJobDict"]


class KnowledgeCalls(CallGroup[S]):
    """Knowledge bases: create, search and ask them. Their documents are in `client.documents`."""

    @call
    def create(
        self,
        name: str,
        embedding_model: str | None = None,
        description: str | None = None,
        language: str | None = None,
        rerank_model: str | None = None,
        chat_model: str | None = None,
        chunking: Mapping[str, Any] | None = None,
        prompts: Mapping[str, str] | None = None,
    ) -> Request[BaseDict]:
        """Create an empty base. Without an embedding model, search uses words only; `chunking` has `size` and `overlap`."""
        settings = _settings(description, language, rerank_model, chat_model, prompts)
        body = {"name": name, **settings, **given(embedding_model=embedding_model, chunking=chunking)}
        return Request("POST", at(BASES), an_object, body=body)

    @call
    def describe(self, base: str) -> Request[BaseDict]:
        """A base, with the numbers of its documents and chunks, and its running jobs."""
        return Request("GET", at(BASES, base), an_object)

    @call
    def configure(
        self,
        base: str,
        name: str | None = None,
        description: str | None = None,
        language: str | None = None,
        rerank_model: str | None = None,
        chat_model: str | None = None,
        prompts: Mapping[str, str] | None = None,
    ) -> Request[BaseDict]:
        """Change settings that need no new index; `name` renames the base, an empty model removes it."""
        body = {**_settings(description, language, rerank_model, chat_model, prompts), **given(name=name)}
        return Request("PATCH", at(BASES, base), an_object, body=body)

    @call
    def delete(self, base: str) -> Request[DeletedDict]:
        """Delete a base with all its documents."""
        return Request("DELETE", at(BASES, base), an_object, patient=True)

    @call
    def reindex(
        self,
        base: str,
        embedding_model: str | None = None,
        chunking: Mapping[str, Any] | None = None,
        force: bool = False,
    ) -> Request[str]:
        """Re-index all documents in the background; searches use the old chunks until then. Returns the id of the job.

        An empty `embedding_model` removes the model; `force` also replaces chunks that were edited by hand.
        """
        body = {"force": force, **given(embedding_model=embedding_model, chunking=chunking)}
        return Request("POST", at(BASES, base, "reindex"), lambda answer: str(answer["job"]), body=body)

    @call
    def formats(self) -> Request[dict[str, str]]:
        """Extensions of supported document formats, each with its description."""
        return Request("GET", at(BASES, "formats"), an_object)

    @call
    def search(
        self,
        bases: str | Sequence[str],
        query: str,
        top_k: int = 5,
        mode: str = "hybrid",
        filter: Mapping[str, Any] | None = None,
        rerank: bool | None = None,
        rerank_model: str | None = None,
        min_score: float = 0.0,
        explain: bool | None = None,
    ) -> Request[SearchDict]:
        """Search a base, or several whose hits are ranked together; hits are in `data`, best first, remarks in `notes`.

        `mode` is `hybrid`, `lexical` or `vector`; without `rerank`, the base's rerank model is used, else one that runs.
        With `explain`, `explanation` has every candidate with its ranks, and why it was dropped.
        """
        body = {"query": query, "top_k": top_k, "mode": mode, "filter": dict(filter or {}), "min_score": min_score}
        return _to_bases(bases, "search", body | given(rerank=rerank, rerank_model=rerank_model, explain=explain))

    @call
    def ask(
        self,
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
    ) -> Request[AnswerDict]:
        """Answer a question from one or several bases; `citations` has the sources that the answer cites.

        `evidence` is false if nothing was found that is about the question. `conversation` is the id of the one to
        continue; `new` begins one.
        """
        return _question(**_without_self(locals()))

    @stream_call
    def stream_answer(
        self,
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
    ) -> Request[dict[str, Any]]:
        """The answer of `ask` as a stream: events whose `type` is `sources`, `token` and, last, `answer`."""
        return _question(**_without_self(locals()), stream=True)

    @call
    def jobs(self, base: str, limit: int | None = None) -> Request[JobList]:
        """The last jobs of a base, newest first, 50 unless `limit` says otherwise."""
        query = given(limit=None if limit is None else str(limit))
        return Request("GET", at(BASES, base, "jobs"), data_of, query)

    @pages_call
    def iterate_jobs(self, base: str, *, limit: int = 100, after: str | None = None) -> Request[KnowledgeJobDict]:
        """All jobs of a base, newest first, read `limit` at a time."""
        return Request("GET", at(BASES, base, "jobs"), an_object, given(limit=str(limit), after=after))

    @call
    def job(self, base: str, job: str) -> Request[KnowledgeJobDict]:
        """The state of a job: `state`, `total`, `done`, `failed`, `chunks`, and the errors of documents in `problems`."""
        return Request("GET", at(BASES, base, "jobs", job), an_object)

    @stream_call
    def follow_job(self, base: str, job: str) -> Request[KnowledgeJobDict]:
        """The views of `job`, whenever they change, until the job is finished."""
        query = {"stream": "true"}
        return Request("GET", at(BASES, base, "jobs", job), an_object, query, streams=True, patient=True)

    @call
    def cancel_job(self, base: str, job: str) -> Request[KnowledgeJobDict]:
        """Cancel a job. Documents that it has indexed stay."""
        return Request("DELETE", at(BASES, base, "jobs", job), an_object)

    @call
    def list(self) -> Request[list[BaseDict]]:
        """Every base that the key may read, with the numbers of its documents and chunks."""
        return Request("GET", at(BASES), data_of)

    @pages_call
    def iterate(self, *, limit: int = 100, after: str | None = None) -> Request[BaseDict]:
        """Every base that the key may read, by name, read `limit` at a time."""
        return Request("GET", at(BASES), an_object, given(limit=str(limit), after=after))


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


def _without_self(arguments: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if name != "self"}


def _question(
    bases: str | Sequence[str],
    filter: Mapping[str, Any] | None,
    stream: bool = False,
    **fields: Any,
) -> Request[Any]:
    body = {**given(**fields), "filter": dict(filter or {}), **({"stream": True} if stream else {})}
    return _to_bases(bases, "answer", body, streams=stream, patient=True)


def _to_bases(
    bases: str | Sequence[str], action: str, body: dict[str, Any], streams: bool = False, patient: bool = False
) -> Request[Any]:
    """A request to one base, or to several."""
    if isinstance(bases, str):
        path = at(BASES, bases, action)
    else:
        path, body = at(BASES, action), {"knowledge_bases": list(bases), **body}
    return Request("POST", path, an_object, body=body, streams=streams, patient=patient)
