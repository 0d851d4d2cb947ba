"""The catalog page by page: filters, the order of families, cursors, and what of a family this machine would run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from modelyard.catalog.hubs.cache import scan
from modelyard.catalog.index import FAMILIES
from modelyard.control.catalog_list import CatalogFilter, catalog_page, entry_of
from modelyard.core.errors import InvalidParameter
from modelyard.core.types import ModelType
from modelyard.protocol.catalog import CatalogPage
from tests.control.test_engine_choice import GIB, machine
from tests.hubs.test_cache import put

RERANK = ModelType.RERANK


@pytest.fixture(autouse=True)
def caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Empty cache folders."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hf"))
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path / "ms"))
    scan.forget()
    return tmp_path


def page(limit: int = 1000, cursor: str | None = None, memory: float = 16, **wanted: Any) -> CatalogPage:
    wanted = {"sees": lambda name: True, **wanted}
    return catalog_page(FAMILIES, machine(memory), CatalogFilter(**wanted), limit, cursor)


def names(found: CatalogPage) -> list[str]:
    return [entry.model_name for entry in found.data]


@pytest.mark.parametrize("limit", [1, 3])
def test_pages_follow_each_other_without_gap_or_repetition(limit: int) -> None:
    whole = page(type=RERANK)
    assert not whole.has_more and whole.next_cursor is None and whole.total == len(whole.data) > 3
    assert names(whole) == sorted(names(whole), key=str.lower)
    found, cursor = list[str](), None
    while True:
        part = page(limit, cursor, type=RERANK)
        assert part.total == whole.total
        found += names(part)
        if not part.has_more:
            break
        assert len(part.data) == limit
        cursor = part.next_cursor
    assert found == names(whole) and part.next_cursor is None
    assert page(whole.total, type=RERANK).has_more is False


def test_types_come_in_their_order_and_a_cursor_is_a_place() -> None:
    first, *rest = names(page(type=RERANK))
    assert names(page(2, f"rerank/{first.upper()}")) == rest[:2]
    assert names(page(1, "rerank/")) == [first], "also where there is no such family"
    assert page(1, "embedding/zzzz").data[0].model_type == "rerank"
    for cursor in ("rerank", "poem/x", "/"):
        with pytest.raises(InvalidParameter) as refused:
            page(1, cursor)
        assert refused.value.param == "cursor"


def test_families_are_found_by_words_ability_and_by_who_sees_them() -> None:
    assert "bge-reranker-v2-m3" in names(page(type=RERANK, text="RERANKER  bge"))
    assert names(page(type=RERANK, text="bge no-such-word")) == []
    assert names(page(sees=lambda name: name == "bge-m3")) == ["bge-m3"]
    seeing = page(20, ability="vision", type=ModelType.LLM)
    assert seeing.data and all("vision" in entry.model_ability for entry in seeing.data)


def test_what_fits_is_what_a_launch_would_choose() -> None:
    [small] = page(memory=16, sees=lambda name: name == "qwen2.5-instruct").data
    assert small.fits and small.reason is None and small.best is not None
    assert (small.best.model_size_in_billions, small.best.model_engine, small.best.comfortable) == (
        7,
        "llama_cpp",
        True,
    )
    assert small.best.memory <= small.best.memory_total == 16 * GIB
    [none] = page(memory=0.1, sees=lambda name: name == "qwen2.5-instruct").data
    assert not none.fits and none.best is not None and none.best.quantization == "q2_k"
    assert "the smallest of" in str(none.reason)
    [other] = page(sees=lambda name: name == "cogview4").data
    assert (other.fits, other.best) == (False, None) and other.reason
    fitting, not_fitting = (page(type=RERANK, fits=fits) for fits in (True, False))
    assert all(entry.fits for entry in fitting.data) and not any(entry.fits for entry in not_fitting.data)
    assert len(fitting.data) + len(not_fitting.data) == page(type=RERANK).total
    assert fitting.total is None, "who is counted has to be looked at"


def test_what_is_in_the_cache_is_listed_as_such(caches: Path) -> None:
    assert names(page(type=RERANK, cached=True)) == []
    everything = page(type=RERANK, cached=False)
    assert everything.total is None and len(everything.data) == page(type=RERANK).total
    for name in ("config.json", "model.safetensors"):
        put(caches, "BAAI/bge-reranker-v2-m3", name, b"{}" + name.encode())
    scan.forget()
    found = page(type=RERANK, cached=True)
    assert names(found) == ["bge-reranker-v2-m3"] and found.data[0].cached
    family = FAMILIES.get("bge-reranker-v2-m3", RERANK)
    assert entry_of(family, True, machine(16)) == found.data[0]
    assert entry_of(family, False, machine(16)).is_builtin is False


def test_families_of_a_language_are_listed() -> None:
    found = page(language="ZH", limit=500).data
    assert found and all("zh" in map(str.lower, entry.model_lang) for entry in found)
    assert page(language="tlh").data == []


def test_an_entry_has_what_the_family_says_of_itself() -> None:
    family = FAMILIES.get("bge-m3")
    (entry,) = page(type=ModelType.EMBEDDING, sees=lambda name: name == "bge-m3").data
    assert (entry.model_name, entry.model_type, entry.is_builtin) == ("bge-m3", "embedding", True)
    assert (entry.context_length, entry.dimensions) == (family.context_length, family.dimensions)
    assert family.context_length and family.dimensions
    assert (entry.model_ability, entry.model_lang) == (family.all_abilities, family.languages)
    assert entry.model_description and entry.model_description_zh == (family.description_zh or None)
    assert entry.formats == list(dict.fromkeys(spec.format for spec in family.specs))
    spec = replace(family.specs[0], size_in_billions=None)
    sized = replace(spec, size_in_billions=7)
    bare = replace(family, context_length=0, description_zh="", specs=[spec, sized, sized])
    found = entry_of(bare, False, machine(16))
    assert (found.context_length, found.model_description_zh, found.is_builtin) == (None, None, False)
    assert (found.sizes, found.formats) == ([7], [spec.format])
    named = entry_of(replace(family, description_zh="向量"), False, machine(16))
    assert named.model_description_zh == "向量"
