"""What docs/batches.md tells people to type, typed in its order against one server; and that what it names is there."""

from __future__ import annotations

import re
from pathlib import Path

from modelyard.api.batches import GatewayModels
from modelyard.batches.rows import BatchState
from tests.architecture.typing_pages import DocsPage, PageTypist, known_routes
from tests.live import live

PAGE = DocsPage.of("batches.md")


def test_every_block_in_order(tmp_path: Path) -> None:
    shell, official, own = PAGE.blocks("sh", "python", "python")
    with live(tmp_path / "home") as server:
        typist = PageTypist(server, tmp_path)
        printed = typist.shell(shell)
        assert printed.count("completed") == 2 and "3/3" in printed
        assert typist.python(official).splitlines() == ["completed 3", "3"]
        assert typist.python(own).splitlines()[-2:] == ["3 of 3", "completed"]


def test_routes_settings_endpoints_and_states_in_the_text_exist() -> None:
    named = PAGE.routes()
    assert named and {(method, path.replace("{id}", "{job}")) for method, path in named} <= known_routes()
    PAGE.check_settings()
    line = PAGE.text.partition("`endpoint` is ")[2].partition(".\n")[0]
    assert set(
        re.findall(r"`(/v1/[\w/]+)`", PAGE.text.partition("`endpoint` is ")[2].partition("Lines may")[0])
    ) == set(GatewayModels.endpoints), line
    assert {f"`{state}`" for state in BatchState} <= set(re.findall(r"`\w+`", PAGE.text))
