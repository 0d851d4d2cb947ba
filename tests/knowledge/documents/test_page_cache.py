"""The cache of page images: bounded, taken up again, and silent about a disk that takes nothing."""

from __future__ import annotations

import os
from pathlib import Path

from modelyard.knowledge.documents.page_cache import PageCache


def test_the_longest_unused_go_first(tmp_path: Path) -> None:
    cache = PageCache(tmp_path / "pages", most=30)
    for name in "abc":
        cache.put("x", name, name.encode() * 10)
    assert cache.get("x", "a") == b"a" * 10
    cache.put("y", "d", b"d" * 10)
    assert [cache.get("x", name) is not None for name in "abc"] == [True, False, True]
    cache.put("y", "d", b"d" * 20)
    assert cache.get("y", "d") == b"d" * 20 and cache.get("x", "c") == b"c" * 10 and cache.get("x", "a") is None
    cache.forget("x")
    assert cache.get("x", "c") is None and not (tmp_path / "pages" / "x").exists()


def test_an_earlier_run_is_taken_up(tmp_path: Path) -> None:
    first = PageCache(tmp_path, most=100)
    for at, name in enumerate("abc"):
        first.put("x", name, b"1" * 30)
        os.utime(tmp_path / "x" / name, (at, at))
    (tmp_path / "x" / "half.part").write_bytes(b"1" * 30)
    second = PageCache(tmp_path, most=60)
    second.open()
    assert second.get("x", "a") is None and second.get("x", "b") and not (tmp_path / "x" / "half.part").exists()


def test_a_folder_that_cannot_be_written_costs_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "pages").write_bytes(b"a file")
    cache = PageCache(tmp_path / "pages")
    cache.open()
    cache.put("x", "a", b"1")
    assert cache.get("x", "a") is None
    cache.forget("x")
