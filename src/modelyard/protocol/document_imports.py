"""Bodies of the route that brings documents from URLs and folders."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from modelyard.protocol.bounds import Few, Fields
from modelyard.protocol.deferred import DeferredModel
from modelyard.protocol.knowledge import Body, ChunkingBody

Url = Annotated[str, Field(max_length=4000)]
Glob = Annotated[str, Field(max_length=1000)]


class UrlDocument(Body):
    """A document at a URL."""

    url: Url
    name: str | None = Field(None, max_length=1000)
    """The document's name; made of the URL if left out, such as `example.com/docs/guide.html`."""
    metadata: Fields[Any] = Field(default_factory=dict)


class ImportDocuments(Body):
    """Body of `POST …/documents/from`: `urls`, `folder` or both."""

    urls: Few[Url | UrlDocument] = Field(default_factory=list)
    """Fetched one after the other; `MODELYARD_FETCH_HOSTS` says from which hosts. Documents have their URL as `source` in their
    metadata."""
    folder: str | None = Field(None, max_length=4000)
    """A folder of the server's machine, for its owner and keys with the scope `admin`. Documents are named by their path
    in it."""
    include: Few[Glob] = Field(default_factory=list)
    """Only files of the folder that match one of these, such as `*.md` or `rules/*`."""
    exclude: Few[Glob] = Field(default_factory=list)
    """Skip files of the folder that match one of these."""
    metadata: Fields[Any] = Field(default_factory=dict)
    """Of all documents."""
    chunking: ChunkingBody | None = None
    """In place of the base's."""
    delete: bool = False
    """Delete documents of the base that are no files of the folder any more, but for those from URLs."""
    index: bool = True


class ImportStarted(DeferredModel):
    """Answer of `POST …/documents/from`."""

    job: str
    """Its progress, failures and result are at `/v1/jobs/{job}`; `result.jobs` has the jobs that index what it brought."""
