"""Bodies of the routes about models in the cache folders of the hubs, and about downloads."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field

from modelyard.protocol.deferred import DeferredModel


class CachedModel(DeferredModel):
    """A model whose files are complete on this machine."""

    model_config = ConfigDict(protected_namespaces=())

    model_name: str
    """Name of the model's family in the catalog; if it is in none, the id of its repository."""
    model_type: str | None
    """`LLM`, `embedding`, …; null if the files cannot be read as a model."""
    model_engine: list[str] | None = None
    """Names of the engines that can run these files."""
    model_size_in_billions: float | None = None
    """Number of parameters in billions; null if unknown."""
    model_format: str
    quantization: str
    model_version: str
    """`<name>--<size>B--<format>--<quantization>`: the key with which `DELETE /v1/cache/models` removes these files."""
    model_hub: str
    """`huggingface` or `modelscope`."""
    model_id: str
    """Id of the repository, `owner/name`."""
    revision: str
    path: str
    """Path of the folder or file."""
    real_path: str
    """`path` with symbolic links resolved."""
    actor_ip_address: str
    """Address of this machine, in the field that Xinference's clients read."""
    size_bytes: int
    """Size of the files in bytes."""


class CachedModels(DeferredModel):
    """Answer of `GET /v1/cache/models`."""

    models: list[CachedModel] = Field(serialization_alias="list")
    disk_total: int
    """Size in bytes of the disk that holds the cache folder."""
    disk_free: int
    """Free bytes of that disk."""


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
    """Body of `POST /v1/cache/models`. Of the keys of a launch, only those that select weights count; others are ignored."""

    model_config = ConfigDict(extra="allow", protected_namespaces=())

    model_name: str = Field(min_length=1)
    """A family of the catalog, or the id of a repository on a hub."""
    model_type: str | None = None
    model_format: str | None = None
    model_size_in_billions: int | float | str | None = None
    quantization: str | None = None
    download_hub: str | None = None
    """`huggingface`, `modelscope` or `auto`."""
    cache_uid: str | None = Field(None, min_length=1, max_length=100)
    """Name of the download, with which its progress is read; if left out, one is generated."""


class CacheResponse(DeferredModel):
    """Answer of `POST /v1/cache/models`. The download has started, or the files were complete already."""

    cache_uid: str


class DownloadInfo(DeferredModel):
    """The download of a model's files from a hub."""

    model_config = ConfigDict(protected_namespaces=())

    uid: str
    names: list[str]
    """Names of models under which this download was requested."""
    model_id: str
    model_hub: str
    revision: str
    status: str
    """`waiting`, `running`, `paused`, `done` or `failed`."""
    progress: float
    """Fraction that is complete, 0 to 1."""
    downloaded: int
    """Bytes that are on disk."""
    total: int
    """Bytes of all files."""
    info: str = ""
    """A sentence for people: the progress, or why the download failed."""
    files: list[dict[str, Any]] = []
    """Each file with its progress."""


class DownloadList(DeferredModel):
    """Answer of `GET /v1/downloads`."""

    downloads: list[DownloadInfo] = Field(serialization_alias="list")
