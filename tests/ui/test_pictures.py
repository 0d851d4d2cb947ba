"""The pictures of the docs are there, used, and small."""

from __future__ import annotations

import re
from pathlib import Path

from tools.pictures import FOLDER, LOOKS, ROOT, WALK

PAGES = ("README.md", "README.zh-CN.md", "docs/page.md")
MOST = 1_000_000


def test_every_picture_is_shown_and_all_are_small() -> None:
    shown: dict[str, set[Path]] = {}
    for name in PAGES:
        text = (ROOT / name).read_text(encoding="utf-8")
        shown[name] = {((ROOT / name).parent / path).resolve() for path in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text)}
    there = set(FOLDER.glob("*"))
    assert shown["docs/page.md"] == there and len(there) == 12
    assert shown["README.md"] == shown["README.zh-CN.md"] and len(shown["README.md"]) == 1
    assert sum(path.stat().st_size for path in there) <= MOST


def test_every_picture_is_made_by_the_tool() -> None:
    wide = {name for (_, _, size), names in LOOKS.items() if size == "1440" for name in names}
    assert {path.stem for path in FOLDER.glob("*")} == {*WALK, *wide, "phone"}
