"""The Hugging Face hub: its cache folder, which is shared with other programs, and its client library in a child process."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

from modelyard.catalog.family import ModelSource
from modelyard.catalog.hubs.base import RepositoryListing, Snapshot
from modelyard.catalog.hubs.complete import first_place
from modelyard.catalog.hubs.search_results import TAGS, FoundPage, FoundRepository, SearchQuery, formats_of, type_of
from modelyard.core.errors import DownloadFailed, HubUnavailable, ModelyardError, NotFound, PermissionDenied
from modelyard.core.types import Download, ModelType, RemoteFile

T = TypeVar("T")

TASKS: Mapping[ModelType, tuple[str, ...]] = {
    ModelType.LLM: (
        "text-generation",
        "image-text-to-text",
        "any-to-any",
        "text2text-generation",
        "audio-text-to-text",
    ),
    ModelType.EMBEDDING: ("feature-extraction", "sentence-similarity"),
    ModelType.RERANK: ("text-ranking",),
    ModelType.IMAGE: ("text-to-image", "image-to-image"),
    ModelType.AUDIO: ("automatic-speech-recognition", "text-to-speech", "text-to-audio"),
    ModelType.VIDEO: ("text-to-video", "image-to-video"),
}
"""Type → the hub's tasks; a search is for the first."""
COMMIT = re.compile(r"[0-9a-f]{40}")
HTTP_LIMIT = 50_000_000_000
"""Bytes. The hub serves larger files only by its own protocol, which needs its library."""
PIECE = 1 << 20
"""Bytes that are written at a time; less than the library's value, so that an interruption loses less."""


def cache_folder() -> Path:
    """The library's cache folder, by the environment variables that the library reads."""
    if found := os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE"):
        return Path(found).expanduser()
    if home := os.environ.get("HF_HOME"):
        return Path(home).expanduser() / "hub"
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "huggingface" / "hub"


def repository_folder(model_id: str) -> Path:
    return cache_folder() / ("models--" + model_id.replace("/", "--"))


class HuggingFace:
    """Cache layout: `blobs/<hash>` have the content, `snapshots/<commit>/<name>` link to them, `refs/<name>` name commits."""

    name = "huggingface"
    title = "Hugging Face"

    def endpoint(self) -> str:
        return (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")

    def locate(self, source: ModelSource, quantization: str) -> Path | None:
        return first_place(self.revisions, source, quantization)

    def snapshots(self) -> Iterator[Snapshot]:
        root = cache_folder()
        for folder in sorted(root.glob("models--*")) if root.is_dir() else ():
            yield from self.revisions(folder.name.removeprefix("models--").replace("--", "/", 1), None)

    def revisions(self, model_id: str, preferred: str | None) -> list[Snapshot]:
        """The cached revisions of a repository: the preferred one first, then `main`, then the newest."""
        root = repository_folder(model_id)
        if not (root / "snapshots").is_dir():
            return []
        first = [self._commit(root, preferred) if preferred else None, self._commit(root, "main")]
        folders = [path for path in (root / "snapshots").iterdir() if path.is_dir()]
        newest = sorted(folders, key=lambda path: path.stat().st_mtime, reverse=True)
        order = sorted(newest, key=lambda path: first.index(path.name) if path.name in first else len(first))
        return [Snapshot(self.name, model_id, path.name, path) for path in order]

    def _commit(self, root: Path, revision: str) -> str | None:
        if COMMIT.fullmatch(revision):
            return revision
        try:
            return (root / "refs" / revision).read_text(encoding="utf-8").strip()
        except OSError:
            return None

    def folder(self, model_id: str, revision: str) -> Path:
        return repository_folder(model_id) / "snapshots" / revision

    def arrived(self, download: Download, file: RemoteFile) -> int:
        pointer = Path(download.folder) / file.name
        if (size := _size(pointer)) is not None:
            return size
        if file.sha256 is None:
            return 0
        blobs = repository_folder(download.model_id) / "blobs"
        partial = [blobs / file.sha256, blobs / f"{file.sha256}.incomplete"]
        if file.size > HTTP_LIMIT:  # the name that the library gives to a partial download
            partial += blobs.glob(f"{file.sha256}.*.incomplete")
        return max((_size(path) or 0 for path in partial), default=0)

    # The methods below need the library, so only a child process calls them.

    def listing(self, model_id: str, revision: str | None) -> RepositoryListing:
        from huggingface_hub import HfApi

        preferred = revision if revision not in (None, "", "master") else "main"
        info = _call(model_id, lambda: HfApi().model_info(model_id, revision=preferred, files_metadata=True))
        commit = str(info.sha)
        if preferred and not COMMIT.fullmatch(preferred):
            _remember(repository_folder(model_id) / "refs" / preferred, commit)
        return RepositoryListing(commit, tuple(_remote_file(each) for each in info.siblings or ()))

    def search(self, query: SearchQuery) -> FoundPage:
        return _call(query.text, lambda: _search(self.endpoint(), query))

    def head(self, model_id: str, revision: str, name: str, count: int) -> bytes:
        from huggingface_hub import get_session, hf_hub_url
        from huggingface_hub.utils import build_hf_headers, hf_raise_for_status  # type: ignore[attr-defined]

        def read() -> bytes:
            url = hf_hub_url(model_id, name, revision=revision)
            headers = {**build_hf_headers(), "Range": f"bytes=0-{count - 1}", "Accept-Encoding": "identity"}
            found = bytearray()
            with get_session().stream("GET", url, headers=headers, follow_redirects=True, timeout=30) as answer:
                hf_raise_for_status(answer)
                for chunk in answer.iter_bytes(65536):
                    found += chunk
                    if len(found) >= count:  # a server without range support sends everything
                        break
            return bytes(found[:count])

        return _call(model_id, read)

    def fetch(self, download: Download, file: RemoteFile) -> None:
        pointer = Path(download.folder) / file.name
        if pointer.exists():
            return
        if file.size > HTTP_LIMIT:
            from huggingface_hub import hf_hub_download

            _call(download.model_id, lambda: hf_hub_download(download.model_id, file.name, revision=download.revision))
            return
        _call(download.model_id, lambda: _fetch(download, file, pointer))


def _search(endpoint: str, query: SearchQuery) -> FoundPage:
    """One page of the hub's list. The library's own call hides where the next page begins."""
    from huggingface_hub import get_session
    from huggingface_hub.utils import build_hf_headers, hf_raise_for_status  # type: ignore[attr-defined]

    parameters: dict[str, Any] = {"search": query.text, "sort": "downloads", "direction": -1, "limit": query.limit}
    parameters["expand"] = ["downloads", "likes", "lastModified", "gated", "tags", "pipeline_tag"]
    if query.format is not None:
        parameters["filter"] = [TAGS[query.format][0]]
    if query.type is not None:
        parameters["pipeline_tag"] = TASKS[query.type][0]
    if query.cursor is not None:
        parameters["cursor"] = query.cursor
    answer = get_session().get(f"{endpoint}/api/models", params=parameters, headers=build_hf_headers(), timeout=20)
    if answer.status_code in (401, 403):
        raise HubUnavailable(f"Hugging Face refused the search ({answer.status_code}): the token in HF_TOKEN is wrong.")
    hf_raise_for_status(answer)
    following = parse_qs(urlsplit(str(answer.links.get("next", {}).get("url", ""))).query).get("cursor", [None])[0]
    return FoundPage(data=[_repository(item) for item in answer.json()], cursor=following)


def _repository(item: Mapping[str, Any]) -> FoundRepository:
    model_id = str(item.get("id") or item["modelId"])
    updated = item.get("lastModified")
    return FoundRepository(
        model_id=model_id,
        downloads=item.get("downloads"),
        likes=item.get("likes"),
        updated_at=None if updated is None else datetime.fromisoformat(updated).timestamp(),
        type=type_of(TASKS, [str(item.get("pipeline_tag"))]),
        formats=formats_of(model_id, item.get("tags") or ()),
        gated=None if item.get("gated") is None else bool(item["gated"]),
    )


def _fetch(download: Download, file: RemoteFile, pointer: Path) -> None:
    """Download one file by an HTTP request of our own, into a partial file with a fixed name.

    The library's download restarts from the beginning whenever its process ends, which can lose gigabytes.
    """
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import WeakFileLock, build_hf_headers  # type: ignore[attr-defined]

    constants.DOWNLOAD_CHUNK_SIZE = PIECE
    url = hf_hub_url(download.model_id, file.name, revision=download.revision)
    found = get_hf_file_metadata(url)
    headers = build_hf_headers()
    if urlsplit(url).netloc != urlsplit(found.location).netloc:
        headers.pop("authorization", None)  # the token is for the hub only, not for the server that it redirects to
    root = repository_folder(download.model_id)
    etag = str(found.etag)
    blob = root / "blobs" / etag
    lock = cache_folder() / ".locks" / root.name / f"{etag}.lock"
    for folder in (lock.parent, blob.parent, pointer.parent):
        folder.mkdir(parents=True, exist_ok=True)
    with WeakFileLock(lock):
        if not blob.exists():
            partial = blob.with_name(f"{etag}.incomplete")
            have = _size(partial) or 0
            if found.size is not None and have > found.size:
                partial.unlink()
                have = 0
            with partial.open("ab") as target:
                http_get(found.location, target, resume_size=have, headers=headers, expected_size=found.size)
            _check_sum(download, file, partial)
            partial.replace(blob)
        if not pointer.exists():
            pointer.unlink(missing_ok=True)
            pointer.symlink_to(os.path.relpath(blob, pointer.parent))


def _check_sum(download: Download, file: RemoteFile, path: Path) -> None:
    """Raise `DownloadFailed` and remove the file if its checksum differs from the hub's."""
    if file.sha256 is None:
        return
    with path.open("rb") as data:
        found = hashlib.file_digest(data, "sha256").hexdigest()
    if found != file.sha256:
        path.unlink()
        raise DownloadFailed(
            download.model_id, "Hugging Face", f"'{file.name}' arrived damaged (its checksum differs); it was removed."
        )


def _remote_file(sibling: Any) -> RemoteFile:
    lfs = sibling.lfs
    return RemoteFile(sibling.rfilename, sibling.size or 0, lfs.sha256 if lfs is not None else None)


def _remember(path: Path, commit: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(commit, encoding="utf-8")


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _call(model_id: str, what: Callable[[], T]) -> T:
    """Call the hub's library and translate its errors."""
    from huggingface_hub.errors import (  # type: ignore[attr-defined]
        GatedRepoError,
        HfHubHTTPError,
        HTTPError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        return what()
    except ModelyardError:
        raise
    except GatedRepoError:
        raise _needs_token(model_id) from None
    except RepositoryNotFoundError as error:
        # The hub answers 401 both for missing and for private repositories.
        hint = "" if os.environ.get("HF_TOKEN") else " If it is private, set HF_TOKEN for the server."
        missing = NotFound(f"Hugging Face has no model '{model_id}'.{hint}")
        missing.param = "model_name"
        raise missing from error
    except RevisionNotFoundError as error:
        raise NotFound(f"'{model_id}' has no such revision on Hugging Face.") from error
    except HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else 0
        if status in (401, 403):
            raise _needs_token(model_id) from None
        raise DownloadFailed(model_id, "Hugging Face", f"it answered {status}.") from error
    except ValueError as error:
        raise NotFound(f"'{model_id}' cannot be a model of Hugging Face: {error}") from error
    except OSError as error:
        raise DownloadFailed(model_id, "Hugging Face", _words(error)) from error
    except HTTPError as error:
        raise HubUnavailable(f"Hugging Face does not answer for '{model_id}': {_words(error)}") from error


def _words(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if text.endswith(".") else f"{text}."


def _needs_token(model_id: str) -> PermissionDenied:
    have = "the token in HF_TOKEN may not read it" if os.environ.get("HF_TOKEN") else "set HF_TOKEN for the server"
    return PermissionDenied(
        f"'{model_id}' is restricted to users whom its owner accepts: accept its terms on Hugging Face; {have}."
    )


hub = HuggingFace()
