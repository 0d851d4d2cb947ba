"""What docs/generations.md and docs/answers.md show, run against a server; and that what they name is there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from modelyard.protocol.answers import AnswerEvent
from tests.architecture.typing_pages import DocsPage, PageTypist, known_routes
from tests.live import live

GENERATIONS, ANSWERS = DocsPage.of("generations.md"), DocsPage.of("answers.md")


def test_the_snippets(tmp_path: Path) -> None:
    with live(tmp_path / "home") as server:
        server.launched("m")
        for page, end in ((GENERATIONS, "completed\n"), (ANSWERS, "3 messages\n")):
            snippet, _ = page.blocks("python", "json")
            printed = PageTypist(server, tmp_path).python(snippet)
            assert printed.endswith(end) and len(printed) > 30


@pytest.mark.parametrize(("page", "count"), [(GENERATIONS, 5), (ANSWERS, 4)])
def test_routes_in_the_text_exist(page: DocsPage, count: int) -> None:
    named = page.routes()
    assert len(named) == count and named <= known_routes()


def test_settings_in_the_text_exist() -> None:
    GENERATIONS.check_settings()


def test_every_type_of_event_is_in_the_table() -> None:
    union, *_ = get_args(AnswerEvent)
    types = {get_args(event.model_fields["type"].annotation)[0] for event in get_args(union)}
    table = ANSWERS.text.partition("## Events")[2]
    assert types == {
        name for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)
    }
