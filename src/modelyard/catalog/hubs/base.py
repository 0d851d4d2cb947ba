"""The interfaces of hubs: a place of weights on this machine, and a hub on the network with its cache folder here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from modelyard.catalog.family import ModelSource
from modelyard.core.types import Download, RemoteFile


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The files of one revision of one repository, as far as they are in a cache folder."""

    hub: str
    model_id: str
    revision: str
    folder: Path


@dataclass(frozen=True, slots=True)
class RepositoryListing:
    """Everything one revision of a repository has, from the hub's own metadata."""

    revision: str
    files: tuple[RemoteFile, ...]

    @property
    def sizes(self) -> Mapping[str, int]:
        """Name → bytes."""
        return {file.name: file.size for file in self.files}


class Hub(Protocol):
    """A place that weights are taken from."""

    @property
    def name(self) -> str: ...

    def locate(self, source: ModelSource, quantization: str) -> Path | None:
        """Where the files are on this machine, all of them; None when they are not. Never touches the network."""
        ...


class RemoteHub(Hub, Protocol):
    """A hub on the network. What is marked `child` imports the hub's own library: only a child process calls it."""

    @property
    def title(self) -> str:
        """For people."""
        ...

    def endpoint(self) -> str:
        """The address of the hub, or of the mirror that the environment names."""
        ...

    def snapshots(self) -> Iterator[Snapshot]:
        """The snapshots in the cache folder, complete or not."""
        ...

    def arrived(self, download: Download, file: RemoteFile) -> int:
        """Bytes of a file that are on this machine, also while it is being fetched."""
        ...

    def listing(self, model_id: str, revision: str | None) -> RepositoryListing:
        """Ask the hub what a repository holds (child). Raises one of our errors."""
        ...

    def folder(self, model_id: str, revision: str) -> Path:
        """Where the files of a revision lie, or will lie."""
        ...

    def head(self, model_id: str, revision: str, name: str, count: int) -> bytes:
        """The first bytes of a file (child)."""
        ...

    def fetch(self, download: Download, file: RemoteFile) -> None:
        """Bring one file, going on where an earlier attempt broke off (child). Raises one of our errors."""
        ...
