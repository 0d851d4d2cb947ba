"""`client.batches`: many requests in one file, which the server answers in the background."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from modelyard.client.calls import CallGroup, S, call
from modelyard.client.request import Request, an_object, at, given

if TYPE_CHECKING:
    from modelyard.client.batch_types import BatchDict, BatchPageDict


class BatchCalls(CallGroup[S]):
    """Batches: create, list, read and cancel them. `client.jobs.follow` follows one: its job has the same id."""

    @call
    def create(
        self,
        input_file_id: str,
        endpoint: str,
        completion_window: str = "24h",
        metadata: Mapping[str, str] | None = None,
        output_expires_after: int | None = None,
    ) -> Request[BatchDict]:
        """Answer the requests of a file that was uploaded for `batch`. All of them go to the path `endpoint`.

        The batch ends after `completion_window`, such as `30m` or `7d`, with what is answered by then. Its files are deleted
        `output_expires_after` seconds after they were made, from 3,600 to 2,592,000; without it they stay.
        """
        body: dict[str, Any] = {"input_file_id": input_file_id, "endpoint": endpoint}
        body |= {"completion_window": completion_window}
        if metadata is not None:
            body["metadata"] = dict(metadata)
        if output_expires_after is not None:
            body["output_expires_after"] = {"anchor": "created_at", "seconds": output_expires_after}
        return Request("POST", at("batches"), an_object, body=body)

    @call
    def get(self, batch_id: str) -> Request[BatchDict]:
        """A batch by its id."""
        return Request("GET", at("batches", batch_id), an_object)

    @call
    def cancel(self, batch_id: str) -> Request[BatchDict]:
        """Stop a batch. Its files have what was answered."""
        return Request("POST", at("batches", batch_id, "cancel"), an_object)

    @call
    def list(self, after: str | None = None, limit: int | None = None) -> Request[BatchPageDict]:
        """Batches, newest first; `after` is the `last_id` of the page before, `limit` 100 at most."""
        query = given(after=after, limit=None if limit is None else str(limit))
        return Request("GET", at("batches"), an_object, query)
