"""`client.hubs`: models on Hugging Face and ModelScope."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelyard.client.calls import CallGroup, S, call
from modelyard.client.request import Request, an_object, at, given

if TYPE_CHECKING:
    from modelyard.client.form_types import HubModelPageDict


class HubCalls(CallGroup[S]):
    """Hubs: search them for models to launch."""

    @call
    def search(
        self,
        q: str,
        hub: str | None = None,
        type: str | None = None,
        format: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Request[HubModelPageDict]:
        """A page of repositories that a text finds, those with most downloads first.

        `hub` is `huggingface` or `modelscope`, all that answer if it is None; `type` such as `LLM`, `format` such as `ggufv2`.
        The next page has the `cursor` in `next_cursor` of this one.
        """
        count = None if limit is None else str(limit)
        query = given(q=q, hub=hub, type=type, format=format, limit=count, cursor=cursor)
        return Request("GET", at("hubs", "search"), an_object, query)
