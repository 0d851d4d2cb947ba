"""Bodies of `POST …/documents/from`, which imports documents from URLs and folders into a knowledge base."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from modelyard.protocol.bounds import Few, Fields
from modelyard.protocol.deferred import DeferredModel
from modelyard.protocol.knowledge import Body, ChunkingBody

Url = Annotated[str, Field(max_length=4000)]
Glob = Annotated[str, Field(max_length=1000)]


class UrlDocument(Body):
    """A document to fetch from a URL."""

    url: Url
    name: str | None = Field(None, max_length=1000)
    """Name of the document; if left out, it is made from the URL, such as `example.com/docs/guide.html`."""
    metadata: Fields[Any] = Field(default_factory=dict)


class ImportDocuments(Body):
    """Body of `POST …/documents/from`: `urls`, `folder` or both."""

    urls: Few[Url | UrlDocument] = Field(default_factory=list)
    """URLs, which are fetched one after the other; `MODELYARD_FETCH_HOSTS` lists the allowed hosts. The metadata of each
    document gets the URL as `source`."""
    folder: str | None = Field(None, max_length=4000)
    """A folder on the server's machine, for the server's owner and for keys with the scope `admin`. Each document is named by
    its path within the folder."""
    include: Few[Glob] = Field(default_factory=list)
    """Import only files of the folder that match one of these patterns, such as `*.md` or `rules/*`."""
    exclude: Few[Glob] = Field(default_factory=list)
    """Skip files of the folder that match one of these patterns."""
    metadata: Fields[Any] = Field(default_factory=dict)
    """Metadata of every imported document."""
    chunking: ChunkingBody | None = None
    """How the documents are split, in place of the base's chunking."""
    delete: bool = False
    """Delete documents of the base whose files are no longer in the folder; documents from URLs are kept."""
    index: bool = True
    """Whether the documents are indexed at once."""


class ImportStarted(DeferredModel):
    """Answer of `POST …/documents/from`."""

    job: str
    """Id of the job. `/v1/jobs/{job}` has its progress, failures and result; `result.jobs` lists the jobs that index the
    documents."""
