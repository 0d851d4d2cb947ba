"""`client.catalog`: the families that can be launched by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelyard.client.calls import CallGroup, S, call
from modelyard.client.request import Request, an_object, at, flag, given

if TYPE_CHECKING:
    from modelyard.client.form_types import CatalogPageDict


class CatalogCalls(CallGroup[S]):
    """The catalog: families that can be launched by name, and which of them fit here."""

    @call
    def list(
        self,
        type: str | None = None,
        q: str | None = None,
        ability: str | None = None,
        cached: bool | None = None,
        fits: bool | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        language: str | None = None,
    ) -> Request[CatalogPageDict]:
        """A page of families, each with the version that would run here, or the reason why none would.

        `q` is words to look for. `language` is a code such as `zh`. `cached` and `fits` are about the server's machine now.
        The next page has the `cursor` in `next_cursor` of this one.
        """
        flags = {name: flag(value) for name, value in (("cached", cached), ("fits", fits)) if value is not None}
        most = None if limit is None else str(limit)
        query = given(type=type, q=q, ability=ability, language=language, limit=most, cursor=cursor)
        return Request("GET", at("catalog"), an_object, {**query, **flags})
