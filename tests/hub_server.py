"""A hub on loopback that the real client libraries pull from: the parts of Hugging Face's and of ModelScope's HTTP that they use.

It can misbehave: cut a connection in mid-file, stall until it is told to go on, send wrong bytes, want a token.
"""

from __future__ import annotations

import hashlib
import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CHUNK = 8192


@dataclass
class Repository:
    """One repository: its files, and what is wrong with it."""

    files: dict[str, bytes]
    gated: bool = False
    promised_size: dict[str, int] = field(default_factory=dict)
    """Name → a size that is not the true one."""
    sent: dict[str, bytes] = field(default_factory=dict)
    """Name → bytes that are sent in place of the promised ones."""
    downloads: int = 0
    likes: int = 0
    tags: tuple[str, ...] = ()
    task: str | None = None
    updated: str = "2026-11-01T12:00:00.000Z"


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    method: str
    path: str
    range: str | None
    authorization: str | None
    status: int


class HubServer:
    """`HF_ENDPOINT` and `MODELSCOPE_ENDPOINT` may point at `url`."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.clear()
        self._http = _Server(self)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def clear(self) -> None:
        """No repositories, no misbehaviour, and no memory of requests. Answers that stall go on."""
        self.repositories: dict[str, Repository] = {}
        self.asked: list[Asked] = []
        self.cut_at: dict[str, int] = {}
        """Name → after how many bytes of one answer the connection is cut, once."""
        self.stall_at: dict[str, int] = {}
        """Name → after how many bytes an answer waits for `go_on`."""
        self.go_on.set()
        self.go_on = threading.Event()
        self.stalled = threading.Event()
        self.refused_searches: dict[str, int] = {}
        """Hub → status of its answers to searches."""

    def add(self, model_id: str, files: dict[str, bytes]) -> Repository:
        """A repository with these files."""
        self.repositories[model_id] = Repository(files)
        return self.repositories[model_id]

    def environment(self, folder: Path) -> dict[str, str]:
        """What a process needs to use this hub, and a cache folder of its own, and no other hub."""
        return {
            "HF_ENDPOINT": self.url,
            "HF_HOME": str(folder / "hf"),
            "MODELSCOPE_ENDPOINT": self.url,
            "MODELSCOPE_CACHE": str(folder / "ms"),
            "MODELSCOPE_HOME": str(folder / "ms-home"),
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        }

    def fetched(self, name: str) -> list[Asked]:
        """The requests for the content of a file."""
        return [asked for asked in self.asked if asked.method == "GET" and asked.path.endswith(name)]

    def close(self) -> None:
        self.go_on.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


@contextmanager
def hub_server() -> Iterator[HubServer]:
    """A hub for the time of a block."""
    server = HubServer()
    try:
        yield server
    finally:
        server.close()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _is_large(name: str) -> bool:
    return name.endswith((".gguf", ".safetensors", ".bin"))


class _Server(ThreadingHTTPServer):
    """Knows its hub, and finds nothing remarkable in clients that leave."""

    daemon_threads = True

    def __init__(self, hub: HubServer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.hub = hub

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        url = urlsplit(self.path)
        path, query = unquote(url.path), parse_qs(url.query)
        try:
            self._route(path, query)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _route(self, path: str, query: dict[str, list[str]]) -> None:
        if path == "/api/models":
            self._huggingface_search(query)
        elif path == "/openapi/v1/models":
            self._modelscope_search(query)
        elif path.startswith("/api/models/"):
            self._info(path.removeprefix("/api/models/").partition("/revision/")[0])
        elif path.startswith("/api/v1/models/") and path.endswith("/repo/files"):
            self._modelscope_files(path.removeprefix("/api/v1/models/").removesuffix("/repo/files"))
        elif path.startswith("/api/v1/models/") and path.endswith("/repo"):
            model_id = path.removeprefix("/api/v1/models/").removesuffix("/repo")
            self._file(model_id, query["FilePath"][0])
        elif "/resolve/" in path:
            model_id, _, rest = path.lstrip("/").partition("/resolve/")
            self._file(model_id, rest.partition("/")[2])
        else:
            self._json(404 if path != "/" else 200, {})

    def _note(self, status: int, path: str | None = None) -> None:
        headers = self.headers
        asked = Asked(
            self.command, path or unquote(self.path), headers.get("Range"), headers.get("Authorization"), status
        )
        self.server.hub.asked.append(asked)

    def _json(self, status: int, body: object, headers: dict[str, str] | None = None) -> None:
        self._note(status)
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)

    def _repository(self, model_id: str) -> Repository | None:
        found = self.server.hub.repositories.get(model_id)
        if found is None:
            self._json(404, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"})
        elif found.gated and self.headers.get("Authorization") != "Bearer good-token":
            self._json(403, {"error": "gated"}, {"X-Error-Code": "GatedRepo"})
            return None
        return found

    def _info(self, model_id: str) -> None:
        found = self._repository(model_id)
        if found is None:
            return
        siblings = []
        for name, data in found.files.items():
            size = found.promised_size.get(name, len(data))
            one: dict[str, object] = {"rfilename": name, "size": size, "blobId": hashlib.sha1(data).hexdigest()}
            if _is_large(name):
                one["lfs"] = {"sha256": sha256(data), "size": size, "pointerSize": 134}
            siblings.append(one)
        self._json(200, {"id": model_id, "modelId": model_id, "sha": COMMIT, "siblings": siblings, "tags": []})

    def _matching(self, text: str, task: str | None) -> list[tuple[str, Repository]]:
        """Repositories by a part of their names and a task, those with most downloads first."""
        every = self.server.hub.repositories.items()
        found = [(name, each) for name, each in every if text.lower() in name.lower() and task in (None, each.task)]
        return sorted(found, key=lambda item: -item[1].downloads)

    def _huggingface_search(self, query: dict[str, list[str]]) -> None:
        """`GET /api/models`: a list of models, and a link to the next page."""
        if status := self.server.hub.refused_searches.get("huggingface"):
            self._json(status, {"error": "no search today"})
            return
        assert query["sort"] == ["downloads"] and "lastModified" in query["expand"]
        found = self._matching(query["search"][0], query.get("pipeline_tag", [None])[0])
        found = [(name, each) for name, each in found if set(query.get("filter", ())) <= set(each.tags)]
        begin, limit = int(query.get("cursor", ["0"])[0]), int(query["limit"][0])
        headers = {}
        if begin + limit < len(found):
            rest = f"search={query['search'][0]}&limit={limit}&cursor={begin + limit}"
            headers["Link"] = f'<{self.server.hub.url}/api/models?{rest}>; rel="next"'
        body = [
            {
                "_id": "0",
                "id": name,
                "downloads": each.downloads,
                "likes": each.likes,
                "lastModified": each.updated,
                "gated": "manual" if each.gated else False,
                "tags": list(each.tags),
                "pipeline_tag": each.task,
            }
            for name, each in found[begin : begin + limit]
        ]
        self._json(200, body, headers)

    def _modelscope_search(self, query: dict[str, list[str]]) -> None:
        """`GET /openapi/v1/models`: pages by number."""
        if status := self.server.hub.refused_searches.get("modelscope"):
            self._json(status, {"success": False, "message": "no search today"})
            return
        assert query["sort"] == ["downloads"]
        found = self._matching(query["search"][0], query.get("filter.task", [None])[0])
        page, size = int(query["page_number"][0]), int(query["page_size"][0])
        models = [
            {
                "id": name,
                "display_name": name.partition("/")[2],
                "downloads": each.downloads,
                "likes": each.likes,
                "last_modified": each.updated,
                "gated": each.gated,
                "tags": list(each.tags),
                "tasks": [each.task] if each.task else [],
            }
            for name, each in found[(page - 1) * size : page * size]
        ]
        data = {"models": models, "total_count": len(found), "page_number": page, "page_size": size}
        self._json(200, {"success": True, "data": data})

    def _modelscope_files(self, model_id: str) -> None:
        found = self._repository(model_id)
        if found is None:
            return
        files = [
            {"Path": name, "Name": name, "Size": len(data), "Type": "blob", "Sha256": sha256(data)}
            for name, data in found.files.items()
        ]
        self._json(200, {"Code": 200, "Success": True, "Data": {"Files": files}})

    def _file(self, model_id: str, name: str) -> None:
        found = self._repository(model_id)
        if found is None:
            return
        if name not in found.files:
            self._json(404, {"error": "Entry not found"}, {"X-Error-Code": "EntryNotFound"})
            return
        data = found.sent.get(name, found.files[name])
        begin, end = self._wanted(len(data))
        partial = self.headers.get("Range") is not None
        self._note(206 if partial else 200, f"{model_id}/{name}")
        self.send_response(206 if partial else 200)
        self.send_header("Content-Length", str(end - begin))
        if partial:
            self.send_header("Content-Range", f"bytes {begin}-{end - 1}/{len(data)}")
        true = found.files[name]
        etag = sha256(true) if _is_large(name) else hashlib.sha1(true).hexdigest()
        self.send_header("ETag", f'"{etag}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Accept-Ranges", "bytes")
        self.end_headers()
        if self.command == "GET":
            self._send(name, data[begin:end])

    def _wanted(self, size: int) -> tuple[int, int]:
        given = self.headers.get("Range")
        if given is None:
            return 0, size
        first, _, last = given.removeprefix("bytes=").partition("-")
        return int(first), min(size, int(last) + 1) if last else size

    def _send(self, name: str, data: bytes) -> None:
        cut = self.server.hub.cut_at.get(name)
        stall = self.server.hub.stall_at.get(name)
        for at in range(0, len(data), CHUNK):
            if cut is not None and at >= cut:
                del self.server.hub.cut_at[name]
                self.wfile.flush()
                self.close_connection = True
                self.connection.shutdown(2)
                return
            if stall is not None and at >= stall and not self.server.hub.go_on.is_set():
                self.wfile.flush()
                self.server.hub.stalled.set()
                self.server.hub.go_on.wait()
            self.wfile.write(data[at : at + CHUNK])
