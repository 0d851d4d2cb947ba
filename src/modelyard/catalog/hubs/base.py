"""The interfaces of hubs: a source of weights on this machine, and a hub on the network with its local cache folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from modelyard.catalog.family import ModelSource
from modelyard.catalog.hubs.search_results import FoundPage, SearchQuery
from modelyard.core.types import Download, RemoteFile


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The files of one revision of a repository that are in a cache folder."""

    hub: str
    model_id: str
    revision: str
    folder: Path


@dataclass(frozen=True, slots=True)
class RepositoryListing:
    """All files of one revision of a repository, from the hub's metadata."""

    revision: str
    files: tuple[RemoteFile, ...]

    @property
    def sizes(self) -> Mapping[str, int]:
        """Name → bytes."""
        return {file.name: file.size for file in self.files}


class Hub(Protocol):
    """A source of weights."""

    @property
    def name(self) -> str: ...

    def locate(self, source: ModelSource, quantization: str) -> Path | None:
        """The path of the files on this machine if all are there, else None. Never uses the network."""
        ...


class RemoteHub(Hub, Protocol):
    """A hub on the network. Methods marked `child` import the hub's library, so only a child process may call them."""

    @property
    def title(self) -> str:
        """The name for people."""
        ...

    def endpoint(self) -> str:
        """The URL of the hub, or of the mirror that an environment variable names."""
        ...

    def snapshots(self) -> Iterator[Snapshot]:
        """The snapshots in the cache folder, including incomplete ones."""
        ...

    def arrived(self, download: Download, file: RemoteFile) -> int:
        """Bytes of a file that are on this machine, also during its download."""
        ...

    def listing(self, model_id: str, revision: str | None) -> RepositoryListing:
        """List a repository's files (child). Raises a `ModelyardError`."""
        ...

    def search(self, query: SearchQuery) -> FoundPage:
        """Repositories by a text, those with most downloads first (child). Raises a `ModelyardError`."""
        ...

    def folder(self, model_id: str, revision: str) -> Path:
        """The folder of a revision's files, which need not exist yet."""
        ...

    def head(self, model_id: str, revision: str, name: str, count: int) -> bytes:
        """The first bytes of a file (child)."""
        ...

    def fetch(self, download: Download, file: RemoteFile) -> None:
        """Download one file, continuing an interrupted attempt (child). Raises a `ModelyardError`."""
        ...
