"""The ModelScope hub: its cache folder, and its client library in a child process."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from modelyard.catalog.family import ModelSource
from modelyard.catalog.hubs.base import RepositoryListing, Snapshot
from modelyard.catalog.hubs.complete import first_place
from modelyard.catalog.hubs.search_results import FoundPage, FoundRepository, SearchQuery, formats_of, type_of
from modelyard.core.errors import DownloadFailed, HubUnavailable, ModelyardError, NotFound, PermissionDenied
from modelyard.core.types import Download, ModelType, RemoteFile

if TYPE_CHECKING:
    from modelscope_hub.types import RepoInfo

T = TypeVar("T")

TASKS: Mapping[ModelType, tuple[str, ...]] = {
    ModelType.LLM: ("text-generation", "image-text-to-text", "chat", "text2text-generation"),
    ModelType.EMBEDDING: ("sentence-embedding", "feature-extraction", "sentence-similarity"),
    ModelType.RERANK: ("text-ranking",),
    ModelType.IMAGE: ("text-to-image-synthesis", "text-to-image", "image-to-image"),
    ModelType.AUDIO: ("auto-speech-recognition", "text-to-speech", "automatic-speech-recognition"),
    ModelType.VIDEO: ("text-to-video-synthesis", "text-to-video", "image-to-video"),
}
"""Type → the hub's tasks; a search is for the first."""
MOST_PAGED = 3000
"""Repositories that the hub lists for one search."""
DEFAULT_REVISION = "master"


def cache_folder() -> Path:
    """The library's cache folder, by the environment variable that the library reads."""
    return Path(os.environ.get("MODELSCOPE_CACHE") or "~/.cache/modelscope").expanduser()


class ModelScope:
    """Cache layout: `models/<owner>--<name>/snapshots/<revision>/<name>`; older versions had `[hub/]models/<owner>/<name>/`."""

    name = "modelscope"
    title = "ModelScope"

    def endpoint(self) -> str:
        found = os.environ.get("MODELSCOPE_ENDPOINT") or os.environ.get("MODELSCOPE_DOMAIN") or "www.modelscope.cn"
        return (found if "://" in found else f"https://{found}").rstrip("/")

    def locate(self, source: ModelSource, quantization: str) -> Path | None:
        return first_place(self.revisions, source, quantization)

    def snapshots(self) -> Iterator[Snapshot]:
        root = cache_folder()
        for folder in sorted((root / "models").glob("*--*")):
            yield from self.revisions(folder.name.replace("--", "/", 1), None)
        for old in (root / "models", root / "hub" / "models"):
            for folder in sorted(old.glob("*/*")):
                if "--" not in folder.parent.name and folder.is_dir():
                    model_id = f"{folder.parent.name}/{folder.name.replace('___', '.')}"
                    yield Snapshot(self.name, model_id, DEFAULT_REVISION, folder)

    def revisions(self, model_id: str, preferred: str | None) -> list[Snapshot]:
        """The cached revisions of a repository, the preferred one first."""
        old = self._old_folder(model_id)
        found = [Snapshot(self.name, model_id, preferred or DEFAULT_REVISION, old)] if old else []
        root = self._root(model_id) / "snapshots"
        folders = sorted(path for path in root.iterdir() if path.is_dir()) if root.is_dir() else []
        found += [Snapshot(self.name, model_id, path.name, path) for path in folders]
        return sorted(found, key=lambda snapshot: snapshot.revision != (preferred or DEFAULT_REVISION))

    def folder(self, model_id: str, revision: str) -> Path:
        return self._old_folder(model_id) or self._root(model_id) / "snapshots" / revision

    def _root(self, model_id: str) -> Path:
        return cache_folder() / "models" / model_id.replace("/", "--")

    def _old_folder(self, model_id: str) -> Path | None:
        """A folder in the layout of versions before 1.38, which the library keeps using if it exists."""
        owner, _, name = model_id.partition("/")
        safe = name.replace(".", "___")
        for path in (cache_folder() / "models" / owner / safe, cache_folder() / "hub" / "models" / owner / safe):
            if path.is_dir() and any(path.iterdir()):
                return path
        return None

    def arrived(self, download: Download, file: RemoteFile) -> int:
        target = Path(download.folder) / file.name
        for path in (target, target.with_name(target.name + ".incomplete")):
            try:
                return path.stat().st_size
            except OSError:
                continue
        return 0

    # The methods below need the library, so only a child process calls them.

    def listing(self, model_id: str, revision: str | None) -> RepositoryListing:
        from modelscope_hub import HubApi

        preferred = revision if revision not in (None, "", "main") else DEFAULT_REVISION
        found = _call(model_id, lambda: HubApi().list_repo_files(model_id, "model", revision=preferred))
        files = [RemoteFile(each.path, each.size or 0, each.sha256 or None) for each in found if each.type != "tree"]
        if not files:
            raise NotFound(f"ModelScope has no files of '{model_id}'.")
        return RepositoryListing(str(preferred), tuple(files))

    def search(self, query: SearchQuery) -> FoundPage:
        from modelscope_hub import HubApi

        number = int(query.cursor or 1)
        task = TASKS[query.type][0] if query.type is not None else None
        page = _call(
            query.text,
            lambda: HubApi().list_repos(
                "model", search=query.text, sort="downloads", page_number=number, page_size=query.limit, task=task
            ),
        )
        more = number * query.limit < min(page.total_count, MOST_PAGED - query.limit)
        found = [_repository(item) for item in page.items]
        kept = [each for each in found if query.format is None or query.format in each.formats]
        return FoundPage(data=kept, cursor=str(number + 1) if more else None)

    def head(self, model_id: str, revision: str, name: str, count: int) -> bytes:
        from modelscope_hub import HubApi

        def read() -> bytes:
            headers = {"Range": f"bytes=0-{count - 1}", "Accept-Encoding": "identity"}
            found = bytearray()
            with HubApi().legacy.download_stream(model_id, "model", name, revision, headers=headers) as answer:
                for chunk in answer.iter_content(65536):
                    found += chunk
                    if len(found) >= count:  # a server without range support sends everything
                        break
            return bytes(found[:count])

        return _call(model_id, read)

    def fetch(self, download: Download, file: RemoteFile) -> None:
        from modelscope_hub import HubApi

        _call(
            download.model_id,
            lambda: HubApi().download_file(
                download.model_id,
                "model",
                file.name,
                revision=download.revision,
                local_dir=download.folder,
                expected_sha256=file.sha256,
                file_size=file.size or None,
            ),
        )


def _repository(item: RepoInfo) -> FoundRepository:
    model_id = item.id if isinstance(item.id, str) else f"{item.owner}/{item.name}"
    updated = item.last_modified
    return FoundRepository(
        model_id=model_id,
        downloads=item.downloads,
        likes=item.likes,
        updated_at=updated.timestamp() if isinstance(updated, datetime) else None,
        type=type_of(TASKS, item.tasks),
        formats=formats_of(model_id, item.tags),
        gated=item.gated,
    )


def _call(model_id: str, what: Callable[[], T]) -> T:
    """Call the hub's library and translate its errors."""
    from modelscope_hub.errors import (
        AuthenticationError,
        FileIntegrityError,
        HubError,
        NetworkError,
        NotExistError,
        PermissionDeniedError,
    )

    try:
        return what()
    except ModelyardError:
        raise
    except NotExistError as error:
        missing = NotFound(f"ModelScope has no model '{model_id}'.")
        missing.param = "model_name"
        raise missing from error
    except (AuthenticationError, PermissionDeniedError) as error:
        raise PermissionDenied(
            f"'{model_id}' is private or gated on ModelScope; set MODELSCOPE_API_TOKEN for the server."
        ) from error
    except FileIntegrityError as error:
        problem = f"a file arrived damaged (its checksum or size differs); it was removed. {_words(error)}"
        raise DownloadFailed(model_id, "ModelScope", problem) from error
    except NetworkError as error:
        raise HubUnavailable(f"ModelScope does not answer for '{model_id}': {_words(error)}") from error
    except (HubError, OSError) as error:
        raise DownloadFailed(model_id, "ModelScope", _words(error)) from error
    except ValueError as error:
        raise NotFound(f"'{model_id}' cannot be a model of ModelScope: {error}") from error


def _words(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if text.endswith(".") else f"{text}."


hub = ModelScope()
