"""Routes for the hubs' cache folders and for downloads."""

from __future__ import annotations

import asyncio

from modelyard.control.downloads import cache_disk
from modelyard.core.access import Owner
from modelyard.protocol.cache import (
    CachedFiles,
    CachedModels,
    CacheRequest,
    CacheResponse,
    DownloadInfo,
    DownloadList,
    Removed,
)
from modelyard.protocol.models import LaunchProgress
from modelyard.web.deps import TheCaching, TheGrant, TheParts
from modelyard.web.router import Router
from modelyard.web.views import WORKER, cached_model, download_info, download_progress

router = Router("/v1", tags=["cache"])


@router.get("/cache/models", scope="cache:list")
async def list_cached(caching: TheCaching, model_name: str | None = None, worker_ip: str | None = None) -> CachedModels:
    """Every model whose files are complete on this machine, whichever program downloaded them. `worker_ip` has no effect."""
    entries = await caching.entries(model_name or None)
    models = await asyncio.to_thread(lambda: [cached_model(entry) for entry in entries])
    disk = await asyncio.to_thread(cache_disk)
    return CachedModels(models=models, disk_total=disk.total, disk_free=disk.free)


@router.post("/cache/models", scope="models:write")
async def fill_cache(body: CacheRequest, caching: TheCaching, grant: TheGrant) -> CacheResponse:
    """Download the weights of a model without launching it. Answers at once; `/progress` shows how far it is."""
    return CacheResponse(cache_uid=await caching.fill(body, Owner.of(grant)))


@router.delete("/cache/models", scope="cache:delete")
async def remove_cached(model_version: str, caching: TheCaching, worker_ip: str | None = None) -> Removed:
    """Delete the weights of a model, unless a launched model uses them."""
    await caching.remove(model_version)
    return Removed(result=True)


@router.get("/cache/models/files", scope="cache:list")
async def cached_files(model_version: str, caching: TheCaching, worker_ip: str | None = None) -> CachedFiles:
    """The files of a cached model."""
    entries = await caching.versions(model_version)
    paths = [str(path) for entry in entries for path in entry.cached.files]
    return CachedFiles(model_version=model_version, worker_ip=worker_ip or WORKER, paths=paths)


@router.get("/cache/models/{cache_uid}/progress", scope="cache:list")
async def cache_progress(cache_uid: str, caching: TheCaching) -> LaunchProgress:
    """The progress of a download; that of an unknown name is `pending`, as with launches."""
    found = caching.progress(cache_uid)
    if isinstance(found, bool):
        return LaunchProgress(progress=float(found), stage="completed" if found else "pending")
    return download_progress(found, full=1.0)


@router.post("/cache/models/{cache_uid}/cancel", scope="models:write")
async def cancel_cache(cache_uid: str, caching: TheCaching) -> None:
    """Cancel a download. Downloaded parts are kept, so that the next one continues there."""
    caching.cancel(cache_uid)


@router.get("/downloads", scope="cache:list")
async def list_downloads(parts: TheParts) -> DownloadList:
    """Every download, of launches and of `POST /v1/cache/models`."""
    return DownloadList(downloads=[download_info(view) for view in parts.downloads.views()])


@router.post("/downloads/{uid}/pause", scope="models:write")
async def pause_download(uid: str, parts: TheParts) -> DownloadInfo:
    """Pause a download. Downloaded parts are kept, and models that need the files wait."""
    parts.downloads.pause(uid)
    return download_info(parts.downloads.view(uid))


@router.post("/downloads/{uid}/resume", scope="models:write")
async def resume_download(uid: str, parts: TheParts) -> DownloadInfo:
    """Continue a download that was paused or has failed."""
    parts.downloads.resume(uid)
    return download_info(parts.downloads.view(uid))


@router.delete("/downloads/{uid}", scope="models:write")
async def remove_download(uid: str, caching: TheCaching) -> Removed:
    """Cancel a download, or remove a finished one from the list; refused while a launch needs it."""
    caching.cancel(uid)
    return Removed(result=True)
