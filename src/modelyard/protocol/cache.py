"""Bodies of the routes about what is in the hubs' cache folders, and about downloads."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field

from modelyard.protocol.deferred import DeferredModel


class CachedModel(DeferredModel):
    """One model whose files are complete on this machine."""

    model_config = ConfigDict(protected_namespaces=(), use_attribute_docstrings=True)

    model_name: str
    """Its family in the catalog, or its id on the hub."""
    model_type: str | None
    """None if the files cannot be read as a model."""
    model_engine: list[str] | None = None
    model_size_in_billions: float | None = None
    model_format: str
    quantization: str
    model_version: str
    """`<name>--<size>B--<format>--<quantization>`, by which it is removed."""
    model_hub: str
    model_id: str
    revision: str
    path: str
    real_path: str
    """`path` with links followed."""
    actor_ip_address: str
    size_bytes: int


class CachedModels(DeferredModel):
    """Answer of `GET /v1/cache/models`."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    models: list[CachedModel] = Field(serialization_alias="list")
    disk_total: int
    """Bytes of the disk that has the cache folder."""
    disk_free: int
    """Bytes of it that are free."""


class CachedFiles(DeferredModel):
    """Answer of `GET /v1/cache/models/files`."""

    model_config = ConfigDict(protected_namespaces=())

    model_version: str
    worker_ip: str
    paths: list[str]


class Removed(DeferredModel):
    """Answer of `DELETE /v1/cache/models`."""

    result: bool


class CacheRequest(DeferredModel):
    """Body of `POST /v1/cache/models`: the keys of a launch that say which weights; others are ignored."""

    model_config = ConfigDict(extra="allow", use_attribute_docstrings=True, protected_namespaces=())

    model_name: str = Field(min_length=1)
    """A family of the catalog, or the id of a repository on a hub."""
    model_type: str | None = None
    model_format: str | None = None
    model_size_in_billions: int | float | str | None = None
    quantization: str | None = None
    download_hub: str | None = None
    """`huggingface`, `modelscope` or `auto`."""
    cache_uid: str | None = Field(None, min_length=1, max_length=100)
    """Name of the download; generated if left out."""


class CacheResponse(DeferredModel):
    """Answer of `POST /v1/cache/models`: the download runs, or the files are complete already."""

    cache_uid: str


class DownloadInfo(DeferredModel):
    """One download."""

    model_config = ConfigDict(protected_namespaces=(), use_attribute_docstrings=True)

    uid: str
    names: list[str]
    """The names under which it was requested."""
    model_id: str
    model_hub: str
    revision: str
    status: str
    """`waiting`, `running`, `paused`, `done` or `failed`."""
    progress: float
    """0 to 1."""
    downloaded: int
    """Bytes."""
    total: int
    """Bytes."""
    info: str = ""
    """For people: the progress, or why it failed."""
    files: list[dict[str, Any]] = []


class DownloadList(DeferredModel):
    """Answer of `GET /v1/downloads`."""

    downloads: list[DownloadInfo] = Field(serialization_alias="list")
