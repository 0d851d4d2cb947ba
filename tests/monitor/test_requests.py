"""The ring of requests: bounded, filtered, and only what a caller may see."""

from __future__ import annotations

from typing import Any

import pytest

from modelyard.core.access import Grant
from modelyard.gateway.exchange import Exchange
from modelyard.monitor import requests
from modelyard.monitor.requests import RequestFilter, RequestLog

APP = Grant("k1", "app", frozenset({"models:read"}))
USER = Grant("t1", "ann", frozenset({"models:read"}), user="ann", owner="o-ann")
ROOT = Grant("k0", "root", frozenset({"admin"}))


def added(log: RequestLog, grant: Grant | None, model: str = "m", status: int = 200, **fields: object) -> None:
    exchange = Exchange(b"req", "POST", "/v1/embeddings", 1.0, known_path=True, model=model, grant=grant)
    exchange.status, exchange.ended = status, 1.5
    for name, value in fields.items():
        setattr(exchange, name, value)
    log.add(exchange)


@pytest.fixture
def log() -> RequestLog:
    found = RequestLog(lambda: 100.0)
    added(found, APP)
    added(found, USER, "n", 404)
    added(found, ROOT, "m", 429)
    added(found, None, "m", 200)
    return found


def numbers(log: RequestLog, grant: Grant | None, limit: int = 100, **wanted: Any) -> list[int]:
    return [each.number for each in log.page(grant, RequestFilter(**wanted), limit).data]


@pytest.mark.parametrize(("grant", "visible"), [(APP, [1]), (USER, [2]), (ROOT, [4, 3, 2, 1]), (None, [4, 3, 2, 1])])
def test_a_caller_sees_its_own_requests_and_an_administrator_all(
    log: RequestLog, grant: Grant | None, visible: list[int]
) -> None:
    assert numbers(log, grant) == visible


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"model": "m"}, [4, 3, 1]),
        ({"key": "app"}, [1]),
        ({"key": "k1"}, [1]),
        ({"key": "ann"}, [2]),
        ({"status": "4xx"}, [3, 2]),
        ({"status": "429"}, [3]),
        ({"before": 3}, [2, 1]),
        ({"model": "m", "status": "2xx", "before": 4}, [1]),
    ],
)
def test_requests_are_filtered(log: RequestLog, wanted: dict[str, Any], found: list[int]) -> None:
    assert numbers(log, ROOT, **wanted) == found


def test_a_page_says_whether_there_is_more(log: RequestLog) -> None:
    assert log.page(ROOT, RequestFilter(), 3).has_more and not log.page(ROOT, RequestFilter(), 4).has_more
    assert numbers(log, ROOT, 2) == [4, 3]


def test_the_oldest_requests_are_forgotten() -> None:
    log = RequestLog()
    for _ in range(requests.MOST_REQUESTS + 5):
        added(log, APP)
    found = numbers(log, APP, requests.MOST_REQUESTS + 5)
    assert (len(found), found[-1]) == (requests.MOST_REQUESTS, 6)


def test_work_of_the_server_itself_is_not_listed() -> None:
    log = RequestLog()
    added(log, Grant("knowledge", "knowledge bases", frozenset()), background=True)
    assert numbers(log, ROOT) == []


def test_a_request_is_described_by_what_happened(log: RequestLog) -> None:
    info = log.page(USER, RequestFilter(), 1).data[0]
    assert (info.at, info.seconds, info.user, info.key, info.key_name) == (99.5, 0.5, "ann", None, None)
    assert (info.id, info.path, info.model, info.status) == ("req", "/v1/embeddings", "n", 404)
