"""Serves the page at `/ui/`: `index.html`, always fresh, and files whose address has their version, kept for ever.

All addresses in the page are relative, so it works below any prefix of a proxy. What may run in it is bounded by a Content
Security Policy: scripts and styles of this server only, nothing inline but the import map, which is allowed by its hash.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from pathlib import Path

from modelyard.core.asgi import Headers, Receive, Scope, Send
from modelyard.core.errors import MethodNotAllowed, PathNotFound
from modelyard.gateway.asgi import send_error
from modelyard.ui.files import INDEX, STATIC, Assets, import_graph, load, signature_of

PREFIX = "/ui"
IMPORTS = {
    "preact": "vendor/preact/preact.mjs",
    "preact/hooks": "vendor/preact/hooks.mjs",
    "@preact/signals-core": "vendor/signals/signals-core.module.js",
    "@preact/signals": "vendor/signals/signals.module.js",
    "htm": "vendor/htm/htm.module.js",
    "marked": "vendor/marked/marked.esm.js",
    "highlight.js": "vendor/highlight/core.min.js",
}
"""The import map: bare names, as vendored modules import each other, and their files."""
ENTRIES = ("lib/main.js", "pages/chat/index.js")
"""The modules whose imports the browser is told to fetch at once: the frame, and the page that opens first."""
FOREVER = b"public, max-age=31536000, immutable"


class UserInterface:
    """The ASGI app of the page. In a clone, changed files are noticed when the page is loaded again."""

    def __init__(self, folder: Path = STATIC) -> None:
        self._folder = folder
        self._assets: Assets | None = None
        self._index = b""
        self._policy = b""

    @staticmethod
    def handles(scope: Scope) -> bool:
        """Whether a request is for the page: its files, or `GET /` of a browser."""
        path: str = scope["path"]
        return path == PREFIX or path.startswith(f"{PREFIX}/") or (path == "/" and _from_browser(scope))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, method = scope["path"], scope["method"]
        if method not in ("GET", "HEAD"):
            await send_error(send, MethodNotAllowed(method, path, ["GET", "HEAD"]), [(b"allow", b"GET, HEAD")])
        elif path in ("/", PREFIX):
            await _answer(scope, send, 307, [(b"location", b"ui/"), (b"cache-control", b"no-store")], b"")
        elif path == f"{PREFIX}/":
            await asyncio.to_thread(self._refresh)
            await self._send_index(scope, send)
        else:
            await self._send_file(scope, send, path.removeprefix(f"{PREFIX}/"))

    def _refresh(self) -> None:
        if self._assets is None or signature_of(self._folder) != self._assets.signature:
            assets = load(self._folder)
            self._index, self._policy = render_index(self._folder, assets.version)
            self._assets = assets

    async def _send_index(self, scope: Scope, send: Send) -> None:
        tag = b'"' + hashlib.sha256(self._index).hexdigest()[:20].encode() + b'"'
        headers = [(b"etag", tag), (b"cache-control", b"no-cache"), (b"content-security-policy", self._policy)]
        if dict(scope["headers"]).get(b"if-none-match") == tag:
            await _answer(scope, send, 304, [*headers, *SAFE], b"")
        else:
            await _answer(
                scope, send, 200, [*headers, *SAFE, (b"content-type", b"text/html; charset=utf-8")], self._index
            )

    async def _send_file(self, scope: Scope, send: Send, path: str) -> None:
        if self._assets is None:
            await asyncio.to_thread(self._refresh)
        assert self._assets is not None
        version, _, name = path.partition("/")
        asset = self._assets.files.get(name)
        if asset is None:
            await send_error(send, PathNotFound(scope["method"], f"{PREFIX}/{path}"), [])
            return
        cached = FOREVER if version == self._assets.version else b"no-store"
        headers = [(b"content-type", asset.type.encode()), (b"cache-control", cached), *SAFE]
        if b"gzip" in dict(scope["headers"]).get(b"accept-encoding", b""):
            body = await asyncio.to_thread(asset.gzipped)
            headers.append((b"content-encoding", b"gzip"))
        else:
            body = await asyncio.to_thread(asset.content)
        await _answer(scope, send, 200, [*headers, (b"vary", b"accept-encoding")], body)


SAFE: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
]


def render_index(folder: Path, version: str) -> tuple[bytes, bytes]:
    """`index.html` with the addresses of a version's files, and its Content Security Policy."""
    imports = json.dumps({"imports": {name: f"./{version}/{path}" for name, path in IMPORTS.items()}})
    preloads = "\n".join(
        f'<link rel="modulepreload" href="./{version}/{name}">' for name in import_graph(folder, IMPORTS, *ENTRIES)
    )
    text = (folder / INDEX).read_text("utf-8")
    text = text.replace("{version}", version).replace("{imports}", imports).replace("{preloads}", preloads)
    digest = base64.b64encode(hashlib.sha256(imports.encode()).digest()).decode()
    return text.encode(), policy(digest).encode()


def policy(digest: str) -> str:
    """The Content Security Policy of the page; `digest` is the SHA-256 of its import map in base64."""
    parts = [
        "default-src 'none'",
        f"script-src 'self' 'sha256-{digest}'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "media-src 'self' data: blob:",
        "connect-src 'self'",
        "font-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types modelyard",
    ]
    return "; ".join(parts)


def _from_browser(scope: Scope) -> bool:
    """Whether a request accepts a page, as browsers do and clients of APIs do not."""
    return scope["method"] in ("GET", "HEAD") and b"text/html" in dict(scope["headers"]).get(b"accept", b"")


async def _answer(scope: Scope, send: Send, status: int, headers: Headers, body: bytes) -> None:
    length = [] if status == 304 else [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*headers, *length]})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
