"""The page's own sources as tests read them: modules, style sheets and texts, without the vendored libraries."""

from __future__ import annotations

import gzip
import json
import re
from functools import cache
from pathlib import Path

from modelyard.ui.app import ENTRIES, IMPORTS, render_index
from modelyard.ui.files import STATIC, import_graph, load

FIRST_PAGE = (
    "lib/early.js",
    "style.css",
    "parts.css",
    "icon.svg",
    "pages/chat/chat.css",
    "text/en/common.js",
    "text/en/chat.js",
)
"""What the first page loads besides `index.html` and the modules that the frame and the chat import."""
LANGUAGES = ("en", "zh")


@cache
def sources(*suffixes: str) -> dict[str, str]:
    """Path below `static/` and content of each file of ours with one of the suffixes."""
    found = {}
    for path in sorted(STATIC.rglob("*")):
        name = path.relative_to(STATIC).as_posix()
        if path.suffix in suffixes and not name.startswith("vendor/"):
            found[name] = path.read_text(encoding="utf-8")
    return found


@cache
def modules() -> dict[str, str]:
    """The modules without texts."""
    return {name: text for name, text in sources(".js").items() if not name.startswith("text/")}


def lines_with(pattern: str, texts: dict[str, str]) -> list[str]:
    """`file:line: text` of every line that matches."""
    found = re.compile(pattern)
    return [
        f"{name}:{number}: {line.strip()}"
        for name, text in texts.items()
        for number, line in enumerate(text.splitlines(), 1)
        if found.search(line)
    ]


@cache
def texts(language: str) -> dict[str, dict[str, str]]:
    """The texts of a language by area. A file is one statement around strict JSON."""
    found = {}
    for path in sorted((STATIC / "text" / language).glob("*.js")):
        content = path.read_text(encoding="utf-8").strip()
        body = content.removeprefix("export default").removesuffix(";")
        pairs = json.loads(body, object_pairs_hook=list)
        found[path.stem] = dict(pairs)
        assert len(found[path.stem]) == len(pairs), f"{path.name} has a key twice"
    return found


def first_load() -> dict[str, int]:
    """Bytes of each file that the first page needs, as they are sent."""
    files = load().files
    names = dict.fromkeys([*import_graph(STATIC, IMPORTS, *ENTRIES), *FIRST_PAGE])
    index, _ = render_index(STATIC, "0" * 12)
    return {"index.html": len(gzip.compress(index, 9))} | {name: len(files[name].gzipped()) for name in names}


def scripts() -> dict[str, int]:
    """Bytes of every script as it is sent, libraries included; of texts those of one language, as a browser loads them."""
    files = load().files
    names = [name for name in files if name.endswith((".js", ".mjs")) and not name.startswith("text/zh/")]
    return {name: len(files[name].gzipped()) for name in names}


def folder_of(path: str) -> Path:
    """The folder of a file of ours, from which its relative imports start."""
    return (STATIC / path).parent
