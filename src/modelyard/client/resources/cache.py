"""`client.cache` and `client.downloads`: models' files on the server, and their downloads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelyard.client.calls import CallGroup, S, call
from modelyard.client.request import Request, an_object, at, given, list_of

if TYPE_CHECKING:
    from modelyard.client.types import CachedFilesDict, CachedModelDict, DownloadDict


class CacheCalls(CallGroup[S]):
    """Files of models on the server: list and remove them."""

    @call
    def files(self, model_version: str, worker_ip: str | None = None) -> Request[CachedFilesDict]:
        """The files of a version, in `paths`."""
        query = given(model_version=model_version, worker_ip=worker_ip)
        return Request("GET", at("cache", "models", "files"), an_object, query)

    @call
    def remove(self, model_version: str, worker_ip: str | None = None) -> Request[bool]:
        """Remove the files of a version from the server."""
        query = given(model_version=model_version, worker_ip=worker_ip)
        return Request("DELETE", at("cache", "models"), lambda answer: bool(answer["result"]), query, patient=True)

    @call
    def list(self, model_name: str | None = None, worker_ip: str | None = None) -> Request[list[CachedModelDict]]:
        """The models whose files are on the server."""
        return Request("GET", at("cache", "models"), list_of, given(model_name=model_name, worker_ip=worker_ip))


class DownloadCalls(CallGroup[S]):
    """Downloads of models' files: follow, pause and cancel them."""

    @call
    def pause(self, uid: str) -> Request[dict[str, Any]]:
        """Pause a download and keep the files that have arrived."""
        return Request("POST", at("downloads", uid, "pause"), _object_or_empty)

    @call
    def resume(self, uid: str) -> Request[dict[str, Any]]:
        """Continue a paused download."""
        return Request("POST", at("downloads", uid, "resume"), _object_or_empty)

    @call
    def remove(self, uid: str) -> Request[dict[str, Any]]:
        """Cancel a download."""
        return Request("DELETE", at("downloads", uid), _object_or_empty, patient=True)

    @call
    def list(self) -> Request[list[DownloadDict]]:
        """All downloads, in progress or finished."""
        return Request("GET", at("downloads"), list_of)


def _object_or_empty(answer: Any) -> dict[str, Any]:
    return answer if isinstance(answer, dict) else {}
