"""The query of a list in OpenAI's form: which objects a page has, by the id of the last or the first of another page."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Literal

from fastapi import Depends, Query

Cursor = Annotated[str | None, Query(max_length=128, description="The last id of the page before.")]
EarlierCursor = Annotated[str | None, Query(max_length=128, description="The first id of the page behind.")]
PageLimit = Annotated[int, Query(ge=1, le=100)]
Order = Annotated[Literal["asc", "desc"], Query(description="`desc`: the newest first.")]


@dataclass(frozen=True, slots=True)
class ListQuery:
    """Which objects of a list are sent."""

    after: str | None
    """Id of the object before the first one."""
    limit: int
    ascending: bool
    before: str | None = None
    """Id of the object behind the last one."""


def list_query(after: Cursor = None, limit: PageLimit = 20, order: Order = "desc") -> ListQuery:
    """The query of a list that is read forwards."""
    return ListQuery(after, limit, order == "asc")


TheListQuery = Annotated[ListQuery, Depends(list_query)]


def two_sided_query(query: TheListQuery, before: EarlierCursor = None) -> ListQuery:
    """The query of a list that is read in both directions."""
    return replace(query, before=before)


TheTwoSidedQuery = Annotated[ListQuery, Depends(two_sided_query)]
