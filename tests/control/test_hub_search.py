"""Pages of repositories of several hubs: their order, what this machine and the catalog know of them, and hubs that fail.

`tests/api/test_hub_search.py` searches a hub on loopback with the real client libraries; here hubs answer at once.
"""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Any

import pytest

from modelyard.catalog.family import Family
from modelyard.catalog.hubs import queries
from modelyard.catalog.hubs.cache import scan
from modelyard.catalog.hubs.search_results import FoundPage, FoundRepository, SearchQuery
from modelyard.catalog.index import Catalog
from modelyard.catalog.registration import parse
from modelyard.control.hub_search import HubFilter, HubHits, HubSearch
from modelyard.core.errors import HubUnavailable, InvalidParameter, ModelyardError
from modelyard.core.types import ModelType
from tests.hubs.test_cache import put

HF, MS = "huggingface", "modelscope"
Answers = dict[str, FoundPage | ModelyardError]


@pytest.fixture(autouse=True)
def both_hubs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both hubs can be reached, and nothing is in their caches."""
    monkeypatch.setattr(queries, "hubs_to_ask", lambda what, wish: [HF, MS] if wish in (None, "auto") else [wish])
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hf"))
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path / "ms"))
    scan.forget()


def page(*names: str, cursor: str | None = None) -> FoundPage:
    return FoundPage(data=[FoundRepository(model_id=name, formats=[]) for name in names], cursor=cursor)


class Hubs:
    """Hubs that answer at once."""

    def __init__(self, answers: Answers, catalog: Catalog) -> None:
        self.queries: list[SearchQuery] = []
        self._answers = answers
        self._search = HubSearch(catalog)
        self._search._searches = self  # type: ignore[assignment]

    async def search(self, query: SearchQuery) -> FoundPage:
        self.queries.append(query)
        answer = self._answers[query.hub]
        if isinstance(answer, ModelyardError):
            raise answer
        return answer

    def find(self, **filters: Any) -> HubHits:
        return asyncio.run(self._search.search(HubFilter(**{"text": "x", **filters})))


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return Catalog(tmp_path / "no families")


def names(hits: HubHits) -> list[tuple[str, str]]:
    return [(each.hub, each.repository.model_id) for each in hits.hits]


def test_hubs_take_turns(catalog: Catalog) -> None:
    hits = Hubs({HF: page("a/1", "a/2", "a/3"), MS: page("b/1")}, catalog).find()
    assert names(hits) == [(HF, "a/1"), (MS, "b/1"), (HF, "a/2"), (HF, "a/3")]
    assert (hits.cursor, hits.failures) == (None, {})
    assert [(each.cached, each.family) for each in hits.hits] == [(False, None)] * 4


def test_what_is_looked_for_is_passed_to_each_hub(catalog: Catalog) -> None:
    hubs = Hubs({HF: page(), MS: page()}, catalog)
    hubs.find(text="qwen", type=ModelType.LLM, format="ggufv2", limit=3)
    assert hubs.queries == [
        SearchQuery(hub=hub, text="qwen", type=ModelType.LLM, format="ggufv2", limit=3) for hub in (HF, MS)
    ]


def test_the_next_page_is_that_of_the_hubs_that_have_one(catalog: Catalog) -> None:
    hubs = Hubs({HF: page("a/1", cursor="next"), MS: page("b/1", cursor="2")}, catalog)
    cursor = hubs.find().cursor
    assert cursor is not None
    hubs.find(cursor=cursor)
    assert [(each.hub, each.cursor) for each in hubs.queries[2:]] == [(HF, "next"), (MS, "2")]
    hubs = Hubs({HF: page(), MS: page(cursor="2")}, catalog)
    cursor = hubs.find().cursor
    hubs.find(cursor=cursor)
    assert [(each.hub, each.cursor) for each in hubs.queries[2:]] == [(MS, "2")]


@pytest.mark.parametrize(
    "text",
    [
        "", "x", "ü", "e30=",
        *(
            base64.urlsafe_b64encode(each.encode()).decode()
            for each in ("[]", '{"other": "1"}', '{"modelscope": "x"}', '{"modelscope": "12345"}',
                         '{"modelscope": "²"}', '{"modelscope": "١"}', '{"huggingface": 1}', "{", '{"modelscope": ""}')
        ),
    ],
)  # fmt: skip
def test_a_cursor_of_no_page_is_refused(catalog: Catalog, text: str) -> None:
    with pytest.raises(InvalidParameter) as error:
        Hubs({}, catalog).find(cursor=text)
    assert error.value.param == "cursor"


def test_the_last_page_that_can_be_asked_for(catalog: Catalog) -> None:
    hubs = Hubs({HF: page(), MS: page()}, catalog)
    hubs.find(cursor=base64.urlsafe_b64encode(b'{"modelscope": "9999"}').decode())
    hubs.find(cursor=base64.urlsafe_b64encode(b'{"huggingface": "any?>~\xc3\xbf"}').decode())
    assert [each.cursor for each in hubs.queries] == ["9999", "any?>~ÿ"]


@pytest.mark.parametrize(
    ("filters", "param"), [({"hub": "nowhere"}, "hub"), ({"hub": ""}, "hub"), ({"format": "exe"}, "format")]
)
def test_unknown_hubs_and_formats_are_refused(catalog: Catalog, filters: dict[str, str], param: str) -> None:
    with pytest.raises(InvalidParameter) as error:
        Hubs({}, catalog).find(**filters)
    assert error.value.param == param


@pytest.mark.parametrize(("hub", "asked"), [(HF, [HF]), (MS, [MS]), ("auto", [HF, MS]), (None, [HF, MS])])
def test_a_hub_may_be_chosen(catalog: Catalog, hub: str | None, asked: list[str]) -> None:
    hubs = Hubs({HF: page(), MS: page()}, catalog)
    assert hubs.find(hub=hub).hits == []
    assert [each.hub for each in hubs.queries] == asked


def test_the_answer_of_one_hub_suffices(catalog: Catalog) -> None:
    broken = HubUnavailable("It is down.")
    hits = Hubs({HF: broken, MS: page("b/1")}, catalog).find()
    assert names(hits) == [(MS, "b/1")] and hits.failures == {HF: broken}
    with pytest.raises(HubUnavailable, match="down"):
        Hubs({HF: broken, MS: HubUnavailable("Another.")}, catalog).find()
    with pytest.raises(HubUnavailable, match="down"):
        Hubs({HF: broken}, catalog).find(hub=HF)


def family(name: str, **spec: Any) -> Family:
    return parse(
        ModelType.LLM,
        {
            "model_name": name,
            "model_specs": [{"model_format": "ggufv2", "model_hub": HF, "quantizations": ["Q4", "Q8"], **spec}],
        },
        Catalog(Path("/nowhere")),
    )


def test_a_repository_is_known_by_the_cache_and_by_the_first_family(catalog: Catalog, tmp_path: Path) -> None:
    catalog.register(family("first", model_id="Acme/One", model_file_name_template="one-{quantization}.gguf"))
    catalog.register(family("second", model_id="acme/one", model_file_name_template="one-{quantization}.gguf"))
    catalog.register(family("third", model_id="acme/two-{quantization}", model_file_name_template="x.gguf"))
    put(tmp_path, "acme/two-Q8", "x.gguf", b"GGUF")
    scan.forget()
    found = {HF: page("acme/ONE", "acme/two-Q8", "acme/three"), MS: page("acme/one")}
    hits = Hubs(dict(found), catalog).find().hits
    assert [(each.hub, each.repository.model_id, each.family) for each in hits] == [
        (HF, "acme/ONE", "first"),
        (MS, "acme/one", None),
        (HF, "acme/two-Q8", "third"),
        (HF, "acme/three", None),
    ]
    assert [each.cached for each in hits] == [False, False, True, False]
