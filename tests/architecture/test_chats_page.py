"""What docs/chats.md tells people to type, typed in its order against one server; and that what it names is there."""

from __future__ import annotations

from pathlib import Path

from tests.architecture.typing_pages import DocsPage, PageTypist, known_routes
from tests.live import live

PAGE = DocsPage.of("chats.md")


def test_every_block_in_order(tmp_path: Path) -> None:
    code, shell = PAGE.blocks("python", "sh")
    with live(tmp_path / "home") as server:
        typist = PageTypist(server, tmp_path)
        assert typist.python(code) == (
            "3 messages, 1 shown\n['Which pump delivers 12 litres?', 'The MX-2140.']\n"
            "Which pump delivers 12 litres? - The MX-2140.\n"
        )
        printed = typist.shell(shell)
    assert "Which pump" in printed and printed.endswith("0 new chats with 0 new messages, 1 here already\n")


def test_routes_and_settings_in_the_text_exist() -> None:
    assert PAGE.routes() and PAGE.routes() <= known_routes()
    PAGE.check_settings()
