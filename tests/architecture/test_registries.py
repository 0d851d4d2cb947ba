"""The name `modelyard` is registered in no package registry: nobody is told to install what is called so there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BY_NAME = re.compile(r"\b(?:install|add|uvx) +(?:-\S+ +)*['\"]?modelyard(?![\w-])")


def test_no_line_installs_it_by_its_name() -> None:
    assert all(map(BY_NAME.search, ("pip install modelyard", "uv add 'modelyard[ocr]'", "pip install -U modelyard")))
    assert not BY_NAME.search("pip install modelyard-parrot")
    pages = [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "src").rglob("*.py"),
        *ROOT.glob("examples/**/*.md"),
    ]
    found = {str(path.relative_to(ROOT)) for path in pages if BY_NAME.search(path.read_text(encoding="utf-8"))}
    assert found == set()
