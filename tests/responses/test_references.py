"""Items that requests name by their ids, on SQLite and PostgreSQL: which one an id means, and how many bytes they may have."""

from __future__ import annotations

import pytest

from modelyard.core.errors import ItemNotFound, ThreadTooLarge
from modelyard.responses.items import kept_items
from modelyard.responses.quotas import ResponseLimits
from modelyard.responses.service import Responses
from tests.responses.stores import ANN, BEN, messages, texts, with_responses

SMALL = ResponseLimits(3600.0, 0, 1000)


def test_an_id_means_the_newest_item_of_its_owner(database_url: str) -> None:
    async def work(responses: Responses) -> None:
        for owner, text in ((ANN, "old"), (ANN, "new"), (BEN, "of another")):
            items = kept_items([{"role": "user", "content": text, "id": "same"}], "items")
            await responses.conversations.create(owner, {}, items)
        assert texts(list((await responses.store.referenced(ANN, ["same"])).values())) == ["new"]

    with_responses(database_url, work)


def test_more_ids_than_a_query_of_a_database_takes(database_url: str) -> None:
    async def work(responses: Responses) -> None:
        items = messages(*map(str, range(3000)))
        await responses.conversations.create(ANN, {}, items)
        found = await responses.store.referenced(ANN, [item.id for item in items])
        assert [found[item.id] for item in items] == items
        with pytest.raises(ItemNotFound, match="n0"):
            await responses.store.referenced(ANN, [f"n{number}" for number in range(33_000)])

    with_responses(database_url, work)


def test_named_items_count_with_what_comes_before_them(database_url: str) -> None:
    async def work(responses: Responses) -> None:
        items = messages(*["x" * 400] * 2)
        await responses.conversations.create(ANN, {}, items)
        one, both = [items[0].id], [item.id for item in items]
        assert len(await responses.store.referenced(ANN, one, 100)) == 1
        for names, before in ((both, 0), (one, 900)):
            with pytest.raises(ThreadTooLarge, match="1000 are the most"):
                await responses.store.referenced(ANN, names, before)

    with_responses(database_url, work, SMALL)
