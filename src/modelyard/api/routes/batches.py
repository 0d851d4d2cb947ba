"""Routes of batches, as OpenAI has them. A key sees the batches of its owner; one with `admin` sees all."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from modelyard.core.access import Owner
from modelyard.protocol import batches as bodies
from modelyard.web.batch_views import batch_info
from modelyard.web.deps import TheBatches, TheGrant
from modelyard.web.router import Router

router = Router("/v1/batches", tags=["batches"])


@router.post("", scope="models:read")
async def create_batch(body: bodies.NewBatch, batches: TheBatches, grant: TheGrant) -> bodies.BatchInfo:
    """Send the requests of a file to models in the background. Answers at once; its `status` says how it goes on."""
    return batch_info(await batches.create(grant, body))


@router.get("", scope="models:read")
async def list_batches(
    batches: TheBatches,
    grant: TheGrant,
    after: Annotated[str | None, Query(max_length=100, description="The last id of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> bodies.BatchPage:
    """The caller's batches, newest first."""
    found, more = await batches.page(Owner.of(grant), after, limit)
    data = [batch_info(each) for each in found]
    first, last = (data[0].id, data[-1].id) if data else (None, None)
    return bodies.BatchPage(data=data, first_id=first, last_id=last, has_more=more)


@router.get("/{batch_id}", scope="models:read")
async def describe_batch(batch_id: str, batches: TheBatches, grant: TheGrant) -> bodies.BatchInfo:
    """A batch by its id."""
    return batch_info(await batches.get(Owner.of(grant), batch_id))


@router.post("/{batch_id}/cancel", scope="models:read")
async def cancel_batch(batch_id: str, batches: TheBatches, grant: TheGrant) -> bodies.BatchInfo:
    """Stop sending requests of a batch. Its files, which are made then, have what was answered."""
    return batch_info(await batches.cancel(Owner.of(grant), batch_id))
