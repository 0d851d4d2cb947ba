"""`client.metrics`: what the server has done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from modelyard.client.calls import CallGroup, S, call
from modelyard.client.request import Request, an_object, at, given

if TYPE_CHECKING:
    from modelyard.client.metrics_types import SeriesDict


class MetricsCalls(CallGroup[S]):
    """What the server has done: figures over time."""

    @call
    def series(
        self,
        names: Sequence[str] = (),
        model: str | None = None,
        by: Literal["all", "model", "replica"] = "model",
        since: float | None = None,
        step: float | None = None,
    ) -> Request[SeriesDict]:
        """Figures over time, such as `requests`, `tokens_out` and `ttft`; all of them without `names`.

        `since` is a Unix time within the last day, 15 minutes ago if it is None; `step` the least seconds of a step.
        """
        query = given(
            model=model,
            by=by,
            since=None if since is None else str(since),
            step=None if step is None else str(step),
            name=list(names) or None,
        )
        return Request("GET", at("metrics", "series"), an_object, query)
