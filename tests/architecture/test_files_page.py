"""What docs/files.md tells people to type, typed in its order against one server; and that what it names is there."""

from __future__ import annotations

import json
from pathlib import Path

from tests.architecture.typing_pages import DocsPage, PageTypist, known_routes
from tests.live import live

PAGE = DocsPage.of("files.md")


def test_every_block_in_order(tmp_path: Path) -> None:
    first, shell, parts, own = PAGE.blocks("python", "sh", "python", "python")
    with live(tmp_path / "home") as server:
        typist = PageTypist(server, tmp_path)
        printed = typist.python(first).splitlines()
        assert printed[:2] == ["processed", "We travel by train."] and printed[2].endswith(" notes.txt 19")
        *_, as_json = typist.shell(shell).partition("[\n")
        (row,) = json.loads("[" + as_json)
        assert (row["filename"], row["purpose"], row["expires_at"] - row["created_at"]) == (
            "rows.jsonl",
            "batch",
            604800,
        )
        assert typist.python(parts).startswith("completed file-")
        assert typist.python(own) == "True\n"


def test_routes_and_settings_in_the_text_exist() -> None:
    assert PAGE.routes() and PAGE.routes() <= known_routes()
    PAGE.check_settings()
