"""The cache folders of the hubs: lists the complete models with their sizes, and removes models."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from modelyard.catalog.family import ModelSource
from modelyard.catalog.files import SPLIT
from modelyard.catalog.hubs import HUBS, REMOTE, remote
from modelyard.catalog.hubs.base import Snapshot
from modelyard.catalog.hubs.complete import is_complete, place, repository
from modelyard.catalog.hubs.select import choose_gguf, ggufs
from modelyard.core.errors import InvalidParameter
from modelyard.core.types import Download, RemoteFile

FRESH = 1.0  # seconds for which a scan of the folders is reused


@dataclass(frozen=True, slots=True)
class Cached:
    """One complete model in a cache folder."""

    snapshot: Snapshot
    quantization: str | None
    """The quantisation of a GGUF model, because a folder of GGUF files contains several models."""
    path: Path
    """The file to load, or the folder."""
    files: tuple[Path, ...]

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(file.stat().st_size for file in self.files if file.exists())


class Scan:
    """The snapshots in all cache folders, cached for `FRESH` seconds."""

    def __init__(self) -> None:
        self._at = -math.inf
        self._found: Mapping[tuple[str, str], Sequence[Snapshot]] = {}
        self._lock = threading.Lock()

    def __call__(self) -> Mapping[tuple[str, str], Sequence[Snapshot]]:
        """Hub and repository id in lower case → its snapshots, the preferred one first."""
        with self._lock:
            if time.monotonic() - self._at > FRESH:
                found: dict[tuple[str, str], list[Snapshot]] = {}
                for name in REMOTE:
                    for snapshot in remote(name).snapshots():
                        found.setdefault((name, snapshot.model_id.lower()), []).append(snapshot)
                self._found, self._at = found, time.monotonic()
            return self._found

    def forget(self) -> None:
        """Drop the cached scan, because the folders have changed."""
        self._at = -math.inf


scan = Scan()


def cached(source: ModelSource, quantization: str, hub: str | None = None) -> bool:
    """Whether a source's weights are on this machine. Cheap, because calls within a second share one scan."""
    if source.path is not None:
        return any(HUBS.get(name).locate(source, quantization) is not None for name in ("package", "local"))
    model_id = repository(source, quantization)
    if model_id is None:
        return False
    found = scan()
    names = [hub] if hub is not None else REMOTE
    return any(
        place(snapshot.folder, source, quantization) is not None
        for name in names
        for snapshot in found.get((name, model_id.lower()), ())
    )


def has_model(hub: str, model_id: str) -> bool:
    """Whether a complete model of a repository is in the cache."""
    snapshots = scan().get((hub, model_id.lower()), ())
    return any(is_complete(each.folder) or next(_ggufs(each), None) is not None for each in snapshots)


def in_cache(hub: str, model_id: str, format: str | None, quantization: str | None) -> Path | None:
    """The path of a repository's model if it is complete in the cache, else None."""
    scan.forget()
    for snapshot in scan().get((hub, model_id.lower()), ()):
        models = list(_ggufs(snapshot))
        if models and format in (None, "ggufv2"):
            listed = [RemoteFile(str(file.relative_to(snapshot.folder))) for one in models for file in one.files]
            try:
                return snapshot.folder / choose_gguf(model_id, listed, quantization)[0].name
            except InvalidParameter:
                continue  # the hub may have this quantisation
        if format != "ggufv2" and is_complete(snapshot.folder) and not (models and quantization):
            return snapshot.folder
    return None


def snapshot_of(path: Path) -> Snapshot | None:
    """The snapshot that contains a path."""
    for snapshots in scan().values():
        for snapshot in snapshots:
            if path == snapshot.folder or snapshot.folder in path.parents:
                return snapshot
    return None


def cached_models() -> Iterator[Cached]:
    """Every complete model in a cache folder."""
    scan.forget()
    for snapshots in scan().values():
        for snapshot in snapshots:
            yield from _ggufs(snapshot)
            if is_complete(snapshot.folder):
                found = sorted(path for path in snapshot.folder.rglob("*") if path.is_file())
                files = tuple(path for path in found if path.suffix != ".gguf")
                yield Cached(snapshot, None, snapshot.folder, files)


def _ggufs(snapshot: Snapshot) -> Iterator[Cached]:
    """The complete GGUF models of a snapshot; a split model needs all its parts."""
    names = [str(path.relative_to(snapshot.folder)) for path in snapshot.folder.rglob("*.gguf") if path.is_file()]
    for title, parts in ggufs([RemoteFile(name) for name in names]).items():
        files = tuple(snapshot.folder / part.name for part in parts)
        split = SPLIT.search(files[0].name)
        if split is None or int(split[2]) == len(files):
            yield Cached(snapshot, title, files[0], files)


def remove(model: Cached) -> None:
    """Delete a model's files, and the blobs that they link to unless another snapshot links to them."""
    for file in model.files:
        target = file.resolve()
        file.unlink(missing_ok=True)
        if target != file and target.parent.name == "blobs" and not _is_pointed_at(target):
            target.unlink(missing_ok=True)
    folder = model.snapshot.folder
    for path in sorted((path for path in folder.rglob("*") if path.is_dir()), reverse=True):
        _remove_if(path, lambda path: not any(path.iterdir()))
    _remove_if(folder, lambda path: not any(path.iterdir()))
    scan.forget()


def _remove_if(folder: Path, test: Callable[[Path], bool]) -> None:
    if folder.is_dir() and test(folder):
        folder.rmdir()


def _is_pointed_at(blob: Path) -> bool:
    snapshots = blob.parent.parent / "snapshots"
    return any(path.is_symlink() and path.resolve() == blob for path in snapshots.rglob("*"))


def progress(download: Download) -> list[tuple[RemoteFile, int]]:
    """Every file of a download with the number of its bytes that are on this machine."""
    hub = remote(download.hub)
    return [(file, hub.arrived(download, file)) for file in download.files]


def is_here(download: Download) -> bool:
    """Whether every file of a download is in place with the size that the hub states."""
    folder = Path(download.folder)
    sizes = [(file.size, _size(folder / file.name)) for file in download.files]
    return all(size is not None and expected in (0, size) for expected, size in sizes)


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None
