"""The route that searches hubs for models to launch."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from modelyard.catalog.hubs.search_results import MOST_FOUND
from modelyard.control.hub_search import HubFilter, HubHit
from modelyard.control.launch_plans import model_type
from modelyard.protocol.hubs import HubFailure, HubModel, HubModelPage
from modelyard.web.deps import TheCaching
from modelyard.web.router import Router

router = Router("/v1/hubs", tags=["registrations"])


@router.get("/search", scope="models:write")
async def search_hubs(
    caching: TheCaching,
    q: Annotated[str, Query(min_length=1, max_length=200)],
    hub: str | None = None,
    type: str | None = None,
    format: Annotated[str | None, Query(max_length=50)] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_FOUND)] = 20,
    cursor: Annotated[str | None, Query(max_length=4000, pattern="^[A-Za-z0-9_=-]*$")] = None,
) -> HubModelPage:
    """Search Hugging Face and ModelScope for models to launch, those with most downloads first.

    Without `hub`, it is the hub of the settings, or all that answer, `limit` of each. `type` is such as `LLM`,
    `format` such as `ggufv2`.
    """
    filters = HubFilter(q, hub, model_type(type), format, limit, cursor)
    found = await caching.hubs.search(filters)
    return HubModelPage(
        data=[_model(hit) for hit in found.hits],
        failures=[HubFailure(hub=name, code=each.code, message=each.message) for name, each in found.failures.items()],
        has_more=found.cursor is not None,
        next_cursor=found.cursor,
    )


def _model(hit: HubHit) -> HubModel:
    found = hit.repository
    return HubModel(
        id=found.model_id,
        hub=hit.hub,
        downloads=found.downloads,
        likes=found.likes,
        updated_at=found.updated_at,
        type=found.type,
        formats=found.formats,
        gated=found.gated,
        cached=hit.cached,
        family=hit.family,
    )
