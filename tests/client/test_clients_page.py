"""The table of calls in docs/clients.md: each call that it names exists, and a group without "…" is complete."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from modelyard.client import Client
from modelyard.client.nouns import Nouns

PAGE = Path(__file__).resolve().parents[2] / "docs" / "clients.md"
ROW = re.compile(r"^\| (`client\.[^|]+) \| (.+) \|$", re.MULTILINE)


def groups() -> dict[str, str]:
    """The calls of each group, as the page has them; two groups of one row are separated by a semicolon."""
    found: dict[str, str] = {}
    for names, calls in ROW.findall(PAGE.read_text(encoding="utf-8")):
        nouns = re.findall(r"`client\.(\w+)`", names)
        found |= zip(nouns, calls.split("; ") if len(nouns) > 1 else [calls], strict=True)
    return found


def test_the_page_names_every_group() -> None:
    assert groups().keys() == {name for name, member in vars(Nouns).items() if isinstance(member, property)}


@pytest.mark.parametrize("noun", groups())
def test_the_page_lists_the_calls_of_each_group(noun: str) -> None:
    calls = groups()[noun]
    named = set(re.findall(r"`(\w+)`", calls))
    with Client("http://127.0.0.1:9") as client:
        existing = {name for name in dir(getattr(client, noun)) if not name.startswith("_")}
    assert named <= existing
    assert "…" in calls or named == existing
