"""The hubs' cache folders as a service: lists them, downloads weights without a launch, and removes cached models."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from modelyard.catalog.find import find
from modelyard.catalog.hubs.cache import remove
from modelyard.catalog.index import Catalog
from modelyard.catalog.inventory import InventoryEntry, inventory
from modelyard.catalog.resolve import FORMATS
from modelyard.control.downloads import KIND as DOWNLOAD
from modelyard.control.downloads import DownloadView
from modelyard.control.hub_search import HubSearch
from modelyard.control.launch_plans import model_type
from modelyard.control.reconcile import Reconciler
from modelyard.core.access import Owner
from modelyard.core.errors import Conflict, NotFound
from modelyard.core.types import Model
from modelyard.jobs.service import Jobs, new_id
from modelyard.jobs.types import Job
from modelyard.protocol.cache import CacheRequest

REMEMBERED = 1000  # names of models that were in the cache already when a caller requested their download


class Caching:
    """Implements the routes about models in the cache folders."""

    def __init__(self, catalog: Catalog, reconciler: Reconciler, jobs: Jobs) -> None:
        self._catalog = catalog
        self._reconciler = reconciler
        self._downloads = reconciler.downloads
        self._jobs = jobs
        self.hubs = HubSearch(catalog)
        """Searches the hubs themselves."""
        self._here: dict[str, None] = {}
        jobs.register(replace(jobs.kinds[DOWNLOAD], body=CacheRequest, submit=self.submit))

    async def entries(self, name: str | None = None) -> list[InventoryEntry]:
        """Every complete model in the cache."""
        return await asyncio.to_thread(self.here, name)

    def here(self, name: str | None = None) -> list[InventoryEntry]:
        """Every complete model in the cache. Blocks on the file system, so call it in a thread."""
        return inventory(self._catalog, name)

    async def versions(self, version: str) -> list[InventoryEntry]:
        """The cached models with this version string, from any hub. Raises `NotFound`."""
        entries = [
            entry for entry in await self.entries() if version.lower() in (entry.version.lower(), entry.name.lower())
        ]
        if not entries:
            raise NotFound(f"There is no '{version}' in the cache; `modelyard cached` lists what there is.")
        return entries

    async def remove(self, version: str) -> None:
        """Delete a model's files. Raises `NotFound`, or `Conflict` while a model uses them."""
        entries = await self.versions(version)
        for entry in entries:
            users = [uid for uid, path in self._paths() if _is_at(path, entry)]
            if users:
                raise Conflict(f"'{version}' is used by {', '.join(users)}; terminate that first.")
        for entry in entries:
            await asyncio.to_thread(remove, entry.cached)

    async def fill(self, request: CacheRequest, owner: Owner) -> str:
        """Download a model's weights; returns the name under which `progress` finds the download."""
        model = await self._model(request)
        if model.download is None:
            name = request.cache_uid or secrets.token_hex(8)
            self._here = dict.fromkeys([*self._here, name][-REMEMBERED:])
            return name
        uid = self._downloads.start(model.download, request.cache_uid, owner.id)
        return request.cache_uid or uid

    async def submit(self, request: CacheRequest, owner: Owner) -> str:
        """Download a model's weights as a job; returns its id. If they are in the cache, the job is finished at once."""
        model = await self._model(request)
        if model.download is not None:
            return self._downloads.start(model.download, request.cache_uid, owner.id)
        parameters = {"model_id": model.model_id or model.name, "model_hub": model.hub, "revision": model.revision}
        details = {"removed": True}  # nothing was downloaded, so the list of downloads leaves this job out
        job = Job(id=new_id(), kind=DOWNLOAD, owner=owner.id, parameters=parameters, details=details)
        return self._jobs.record(replace(job, result={"path": model.path})).id

    async def _model(self, request: CacheRequest) -> Model:
        """The model whose weights the request names."""
        return await asyncio.to_thread(
            find,
            request.model_name,
            type=model_type(request.model_type),
            size=request.model_size_in_billions or None,
            format=request.model_format or None,
            quantization=request.quantization or None,
            formats=FORMATS,
            catalog=self._catalog,
            hub=request.download_hub or None,
        )

    def progress(self, name: str) -> DownloadView | bool:
        """The state of a download; True if the weights were in the cache already, False if the name is unknown."""
        try:
            return self._downloads.view(name)
        except NotFound:
            return name in self._here

    def cancel(self, name: str) -> None:
        """Cancel a download; downloaded parts are kept for a later one. Raises `NotFound`, or `Conflict`."""
        self._downloads.remove(name)

    def _paths(self) -> Iterator[tuple[str, Path]]:
        for view in self._reconciler.views():
            if view.desired.launch.model.path is not None:
                yield view.desired.uid, Path(view.desired.launch.model.path)


def _is_at(path: Path, entry: InventoryEntry) -> bool:
    """Whether a path is inside a cached model's folder, with links resolved."""
    place = entry.cached.path
    if place.is_file():
        return path == place or path.resolve() == place.resolve()
    return path == place or place in path.parents
