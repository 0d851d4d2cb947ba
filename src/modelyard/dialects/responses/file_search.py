"""The hosted tool `file_search`: a search in the server's knowledge bases, which the model calls as a function."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import msgspec

from modelyard.core.errors import InvalidParameter, ModelyardError
from modelyard.db.tables import KnowledgeDocument
from modelyard.dialects.responses.hosted import (
    HostedCall,
    HostedRequest,
    HostedResult,
    OpenTool,
    failed,
    text_arguments,
)
from modelyard.dialects.responses.request import converted
from modelyard.dialects.scoring.engine import RERANK
from modelyard.knowledge.search.search import Query
from modelyard.knowledge.vector_stores.files import attributes, file_id, filename
from modelyard.knowledge.vector_stores.filters import where_of
from modelyard.knowledge.vector_stores.stores import check_alive
from modelyard.protocol.hits import Hit
from modelyard.protocol.responses_hosted import FilePassage, FileRanking, FileSearchOffer
from modelyard.protocol.responses_items import Item
from modelyard.web.base_access import check_models, models_for
from modelyard.web.deps import Parts
from modelyard.web.vector_stores import StoreAccess, found_by, ranking_of

RESULTS = "file_search_call.results"
"""The item of `include` with which results stand in the output."""
USUAL_RESULTS = 10
NOTHING = "Nothing was found. Say so, or search with other words."
QUERY = {"type": "string", "description": "What is wanted, as a question or in key words"}
CITE = "The passages are numbered: behind each statement that is taken from one, write its number in brackets, such as [1]."


@dataclass(frozen=True, slots=True)
class FileSearch:
    """Opens searches in the bases that a request names."""

    parts: Parts

    async def open(self, tool: Item, place: str, request: HostedRequest) -> OpenTool:
        """A search in these bases. Raises `VectorStoreNotFound`, `VectorStoreExpired`, `InvalidParameter`, `PermissionDenied`."""
        offer = converted(tool, FileSearchOffer, place)
        ranking = offer.ranking_options or FileRanking()
        if ranking.hybrid_search is not None:
            raise InvalidParameter(
                f"{place}.ranking_options.hybrid_search",
                "each knowledge base weighs words and vectors as its own probe says; leave it out.",
            )
        grant = request.caller.grant
        access = StoreAccess(self.parts.knowledge, grant)
        bases = {}
        for name in dict.fromkeys(offer.vector_store_ids):
            base = await access.base(name, param=f"{place}.vector_store_ids")
            check_alive(base)
            bases[base.id] = base
        rerank, model = ranking_of(ranking.ranker)
        check_models(grant, model)
        if model is not None:
            body = {"model": model, "query": "?", "documents": ["?"]}
            self.parts.gateway.check_inside(request.caller, RERANK, msgspec.json.encode(body))
        query = Query(
            text="",
            bases=list(bases.values()),
            k=offer.max_num_results or USUAL_RESULTS,
            where=where_of(offer.filters, f"{place}.filters"),
            rerank=rerank,
            rerank_model=model,
            min_score=ranking.score_threshold or 0.0,
            models=models_for(self.parts, grant),
        )
        return OpenFileSearch(self.parts, query, request)


@dataclass(slots=True)
class OpenFileSearch:
    """A search for one request."""

    parts: Parts
    query: Query
    request: HostedRequest
    kind: ClassVar[str] = "file_search_call"
    prefix: ClassVar[str] = "fs"
    items: ClassVar[Sequence[Item]] = ()
    stages: ClassVar[Sequence[str]] = ("searching",)
    functions: Sequence[Item] = field(init=False)

    def __post_init__(self) -> None:
        names = "; ".join(f"{base.name}: {base.description}".rstrip(": ") for base in self.query.bases)
        schema = {"type": "object", "properties": {"query": QUERY}, "required": ["query"]}
        about = f"Search the documents of {names}. {CITE}"
        self.functions = [
            {"type": "function", "function": {"name": "file_search", "description": about, "parameters": schema}}
        ]

    def begun(self, call: HostedCall) -> Item:
        """The queries of a call."""
        return {"queries": text_arguments(call, "query", "queries"), "results": None}

    async def run(self, call: HostedCall) -> HostedResult:
        """Search; the hits are numbered on from those of earlier calls. An error of the search is its result."""
        texts = text_arguments(call, "query", "queries")
        item: Item = {"queries": texts, "results": None}
        if not texts:
            return failed("'query' must be a text that is not empty.", item)
        try:
            found = await found_by(self.parts.knowledge, self.query, texts)
        except ModelyardError as error:
            return failed(error.message, item)
        sources = [self._source(hit, row) for hit, row in found]
        if RESULTS in self.request.include:
            item["results"] = [_result(hit, row) for hit, row in found]
        places = [f"{_place(hit, source)}\n{hit.text}" for source, (hit, _) in zip(sources, found, strict=True)]
        lines = [f"[{source.number}] {place}" for source, place in zip(sources, places, strict=True)]
        item["output"] = "\n\n".join(places) or NOTHING
        return HostedResult("\n\n".join(lines) or NOTHING, item, sources)

    def _source(self, hit: Hit, row: KnowledgeDocument) -> FilePassage:
        number = next(self.request.numbers)
        return FilePassage(number=number, file_id=file_id(row), filename=filename(row), text=hit.text)


def _place(hit: Hit, source: FilePassage) -> str:
    """Where a passage stands, for the model."""
    page = f", page {hit.page}" if hit.page is not None else ""
    return f"{source.filename}{page}{f', {hit.heading}' if hit.heading else ''}"


def _result(hit: Hit, row: KnowledgeDocument) -> dict[str, Any]:
    return {
        "file_id": file_id(row),
        "filename": filename(row),
        "score": round(hit.score, 6),
        "text": hit.text,
        "attributes": attributes(row),
    }
