"""The route that lists the catalog with filters, page by page."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import Query

from modelyard.control.catalog_list import CatalogFilter, catalog_page
from modelyard.control.launch_plans import model_type
from modelyard.protocol.catalog import CatalogPage
from modelyard.web.deps import TheGrant, TheParts
from modelyard.web.router import Router

router = Router("/v1/catalog", tags=["registrations"])


@router.get("", scope="models:list")
async def list_catalog(
    parts: TheParts,
    grant: TheGrant,
    type: str | None = None,
    q: Annotated[str, Query(max_length=200)] = "",
    ability: str | None = None,
    language: Annotated[str | None, Query(max_length=20)] = None,
    cached: bool | None = None,
    fits: bool | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    cursor: Annotated[str | None, Query(max_length=300)] = None,
) -> CatalogPage:
    """Families that can be launched by name, built-in or registered, each with the version that would run here, or why none.

    `q` is words that name, description or languages contain; `language` is a code such as
    `zh`; `cached` and `fits` are about this machine at this moment.
    """
    filters = CatalogFilter(
        (lambda name: True) if grant is None else grant.sees, model_type(type), q, ability, language, cached, fits
    )
    machine = await parts.deployments.machine()
    return await asyncio.to_thread(catalog_page, parts.catalog, machine, filters, limit, cursor)
