"""Search engines against a server on loopback that answers as the real ones document it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from tests.knowledge.web_server import Reply, Web, WebRequest, web

from modelyard.chats.search_engines import base, configured_engines, engine
from modelyard.chats.search_engines.base import WebHit
from modelyard.core.config import Settings
from modelyard.core.errors import SearchFailed, SearchNotConfigured, UnknownName

KEY = "tvly-secret"

SEARXNG = {
    "query": "知识库",
    "number_of_results": 0,
    "results": [
        {
            "url": "https://zh.wikipedia.org/wiki/知识库",
            "title": "知识库 - 维基百科",
            "content": "知识库是用于知识管理的\n一种特殊的数据库。",
            "engine": "wikipedia",
            "parsed_url": ["https", "zh.wikipedia.org", "/wiki/知识库", "", "", ""],
            "template": "default.html",
            "engines": ["wikipedia", "bing"],
            "positions": [1, 2],
            "score": 3.0,
            "category": "general",
        },
        {"url": "https://example.org/", "title": "", "content": None, "engine": "bing", "score": 1.0},
        {"url": "magnet:?xt=urn:btih:0", "title": "a file", "engine": "piratebay"},
        {"title": "without an address"},
    ],
    "answers": [],
    "corrections": [],
    "infoboxes": [],
    "suggestions": ["知识库 软件"],
    "unresponsive_engines": [["google", "CAPTCHA"]],
}

BING = {
    "_type": "SearchResponse",
    "queryContext": {"originalQuery": "vllm"},
    "webPages": {
        "webSearchUrl": "https://www.bing.com/search?q=vllm",
        "totalEstimatedMatches": 72000,
        "value": [
            {
                "id": "https://api.bing.microsoft.com/api/v7/#WebPages.0",
                "name": "vLLM",
                "url": "https://docs.vllm.ai/",
                "isFamilyFriendly": True,
                "displayUrl": "https://docs.vllm.ai",
                "snippet": "Easy, fast, and cheap LLM serving for everyone.",
                "dateLastCrawled": "2026-10-01T00:00:00.0000000Z",
                "language": "en",
            }
        ],
    },
    "rankingResponse": {"mainline": {"items": []}},
}

TAVILY = {
    "query": "vllm",
    "follow_up_questions": None,
    "answer": None,
    "images": [],
    "results": [
        {
            "title": "vLLM",
            "url": "https://docs.vllm.ai/",
            "content": "vLLM is a fast library.",
            "score": 0.98,
            "raw_content": None,
        },
        {"title": "Two", "url": "https://example.org/2", "content": "second", "score": 0.5, "raw_content": None},
    ],
    "response_time": 1.09,
    "request_id": "123e4567-e89b-12d3-a456-426614174111",
}

DUCKDUCKGO = """<!DOCTYPE html><html><head><title>vllm at DuckDuckGo</title></head><body class="body--html">
<div id="links" class="results">
<div class="result results_links results_links_deep result--ad ">
 <div class="links_main links_deep result__body"><h2 class="result__title">
 <a rel="nofollow" class="result__a" href="https://duckduckgo.com/y.js?ad_domain=shop.example&amp;ad_provider=bingv7aa">Buy</a>
 </h2><a class="result__snippet" href="https://duckduckgo.com/y.js?ad_domain=shop.example">Cheap.</a></div></div>
<div class="result results_links results_links_deep web-result ">
 <div class="links_main links_deep result__body"><h2 class="result__title">
 <a rel="nofollow" class="result__a"
  href="//duckduckgo.com/l/?uddg=https%3A%2F%2Fdocs.vllm.ai%2F%E6%96%87%E6%A1%A3%3Fa%3D1%26b%3D2&amp;rut=7b1">vLLM &amp;
  <b>docs</b></a></h2>
 <div class="result__extras"><div class="result__extras__url">
  <a class="result__url" href="//duckduckgo.com/l/?uddg=https%3A%2F%2Fdocs.vllm.ai%2F">docs.vllm.ai</a></div></div>
 <a class="result__snippet" href="//duckduckgo.com/l/?uddg=https%3A%2F%2Fdocs.vllm.ai%2F">Easy, <b>fast</b> serving 快</a>
 <div class="clear"></div></div></div>
<div class="result results_links web-result"><a class="result__a" href="https://plain.example/">Plain</a></div>
<div class="nav-link"><form action="/html/" method="post"><input type="submit" class="btn" value="Next"/></form></div>
</div></body></html>"""

NO_RESULTS = """<html><body><div id="links" class="results"><div class="result results_links no-results">
<div class="no-results__message">No results found for <b>zxqv</b></div></div></div></body></html>"""

CHALLENGE = """<html><body><form id="challenge-form" action="//duckduckgo.com/anomaly.js" method="POST">
<div class="anomaly-modal__title">Unfortunately, bots use DuckDuckGo too.</div></form></body></html>"""

PATHS = {"searxng": "/search", "bing": "/v7.0/search", "tavily": "/search", "duckduckgo": "/html/"}


@pytest.fixture
def server() -> Iterator[Web]:
    with web() as made:
        yield made


def settings(server: Web) -> Settings:
    return Settings(
        searxng_url=f"{server.url}/",
        bing_url=f"{server.url}/v7.0/search",
        bing_subscription_key=KEY,
        tavily_url=server.url,
        tavily_api_key=KEY,
        duckduckgo_url=f"{server.url}/html/",
    )


def search(server: Web, name: str, reply: Reply, query: str = "vllm", k: int = 5) -> list[WebHit]:
    server.pages[PATHS[name]] = reply
    return asyncio.run(engine(settings(server), name).search(query, k))


def failure(server: Web, name: str, reply: Reply) -> str:
    with pytest.raises(SearchFailed) as caught:
        search(server, name, reply)
    assert caught.value.status == 502
    assert f"'{name}'" in caught.value.message
    assert KEY not in caught.value.message
    return caught.value.message


def test_searxng_returns_its_hits(server: Web) -> None:
    found = search(server, "searxng", Reply.of(SEARXNG), "知识库")
    assert found == [
        WebHit(
            "知识库 - 维基百科", "https://zh.wikipedia.org/wiki/知识库", "知识库是用于知识管理的 一种特殊的数据库。"
        ),
        WebHit("https://example.org/", "https://example.org/", ""),
    ]
    assert dict(server.requests[0].query) == {"q": ["知识库"], "format": ["json"]}
    assert len(search(server, "searxng", Reply.of(SEARXNG), k=1)) == 1
    assert search(server, "searxng", Reply.of({"results": [], "unresponsive_engines": []})) == []


def test_searxng_says_what_is_wrong(server: Web) -> None:
    assert "search.formats" in failure(server, "searxng", Reply("<h1>Forbidden</h1>", status=403))
    silent = {"results": [], "unresponsive_engines": [["google", "CAPTCHA"], ["brave", "too many requests"]]}
    assert "google: CAPTCHA, brave: too many requests" in failure(server, "searxng", Reply.of(silent))


def test_bing_sends_its_key_and_returns_its_hits(server: Web) -> None:
    assert search(server, "bing", Reply.of(BING), k=50) == [
        WebHit("vLLM", "https://docs.vllm.ai/", "Easy, fast, and cheap LLM serving for everyone.")
    ]
    assert server.requests[0].headers["ocp-apim-subscription-key"] == KEY
    assert server.requests[0].query["count"] == ["20"]
    assert search(server, "bing", Reply.of({"_type": "SearchResponse"})) == []


def test_bing_says_what_is_wrong(server: Web) -> None:
    denied = {"error": {"code": "401", "message": "Access denied due to invalid subscription key or wrong endpoint."}}
    assert "Access denied" in failure(server, "bing", Reply.of(denied, 401))
    spent = {"error": {"code": "429", "message": "Rate limit is exceeded."}}
    said = failure(server, "bing", Reply.of(spent, 429, {"Retry-After": "1"}))
    assert "Rate limit is exceeded" in said and "in 1 s" in said
    wrong = {"_type": "ErrorResponse", "errors": [{"code": "InvalidRequest", "message": "Parameter is missing value."}]}
    assert "Parameter is missing value." in failure(server, "bing", Reply.of(wrong, 400))


def test_tavily_sends_its_key_and_returns_its_hits(server: Web) -> None:
    assert search(server, "tavily", Reply.of(TAVILY), k=2) == [
        WebHit("vLLM", "https://docs.vllm.ai/", "vLLM is a fast library."),
        WebHit("Two", "https://example.org/2", "second"),
    ]
    assert server.requests[0].method == "POST"
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert server.requests[0].json == {"query": "vllm", "max_results": 2}
    denied = {"detail": {"error": "Unauthorized: missing or invalid API key."}}
    assert "missing or invalid API key" in failure(server, "tavily", Reply.of(denied, 401))


def test_duckduckgo_is_read_without_advertisements(server: Web) -> None:
    assert search(server, "duckduckgo", Reply(DUCKDUCKGO)) == [
        WebHit("vLLM & docs", "https://docs.vllm.ai/文档?a=1&b=2", "Easy, fast serving 快"),
        WebHit("Plain", "https://plain.example/", ""),
    ]
    assert search(server, "duckduckgo", Reply(NO_RESULTS)) == []
    for reply in (Reply(CHALLENGE, status=202), Reply(CHALLENGE)):
        assert "human" in failure(server, "duckduckgo", reply)
    assert "form" in failure(server, "duckduckgo", Reply("<html><body>Hello</body></html>"))
    assert "no page" in failure(server, "duckduckgo", Reply(""))


@pytest.mark.parametrize("name", ["searxng", "bing", "tavily"])
def test_broken_answers_are_search_failures(name: str, server: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no JSON object" in failure(server, name, Reply("<html>welcome</html>"))
    assert "no JSON object" in failure(server, name, Reply.of(["a list"]))
    assert "503: Service Unavailable" in failure(server, name, Reply("<h1>Service Unavailable</h1>", status=503))
    for odd in ({"results": "none", "webPages": []}, {"results": [1, None], "webPages": {"value": [None]}}):
        assert search(server, name, Reply.of(odd)) == []
    monkeypatch.setattr(base, "MOST_BYTES", 1000)
    assert "more than 1000" in failure(server, name, Reply("x" * 2000))
    monkeypatch.setattr(base, "SECONDS", 0.2)
    assert "0.2 s" in failure(server, name, Reply(stall=True, promised=10))


def test_a_server_that_does_not_answer_is_a_search_failure() -> None:
    with pytest.raises(SearchFailed, match="ConnectError"):
        asyncio.run(engine(Settings(searxng_url="http://127.0.0.1:1"), "searxng").search("x", 1))
    with pytest.raises(SearchFailed, match="searxng"):
        asyncio.run(engine(Settings(searxng_url="not an address"), "searxng").search("x", 1))


def test_redirects_are_followed_where_no_key_would_go_along(server: Web) -> None:
    server.pages["/other"] = Reply.of(SEARXNG)
    for name in ("bing", "tavily"):
        assert "answers 308" in failure(server, name, Reply(status=308, headers={"Location": "/other"}))
    assert len(search(server, "searxng", Reply(status=308, headers={"Location": "/other"}))) == 2


def test_an_engine_without_its_settings_names_them(server: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sorted(configured_engines(Settings())) == ["duckduckgo"]
    assert sorted(configured_engines(settings(server))) == ["bing", "duckduckgo", "searxng", "tavily"]
    for name, variable in [
        ("searxng", "MODELYARD_SEARXNG_URL"),
        ("bing", "MODELYARD_BING_SUBSCRIPTION_KEY"),
        ("tavily", "MODELYARD_TAVILY_API_KEY"),
    ]:
        with pytest.raises(SearchNotConfigured, match=variable) as caught:
            engine(Settings(), name)
        assert caught.value.status == 400
    for name in ("bing", "duckduckgo", "tavily"):
        variable = f"MODELYARD_{name.upper()}_URL"
        with pytest.raises(SearchNotConfigured, match=variable):
            engine(settings(server).model_copy(update={f"{name}_url": ""}), name)
    with pytest.raises(UnknownName, match="Known: bing, duckduckgo, searxng, tavily"):
        engine(Settings(), "metaphor")
    monkeypatch.setenv("MODELYARD_TAVILY_API_KEY", KEY)
    assert "tavily" in configured_engines(Settings())
    assert KEY not in repr(Settings())


def test_searches_run_concurrently(server: Web) -> None:
    def answer(request: WebRequest) -> Reply:
        query = request.query["q"][0]
        return Reply.of({"results": [{"url": f"https://example.org/{query}", "title": query, "content": ""}]})

    server.pages["/search"] = answer
    made = engine(settings(server), "searxng")

    async def both() -> list[list[WebHit]]:
        return await asyncio.gather(*(made.search(str(number), 3) for number in range(8)))

    assert [found[0].title for found in asyncio.run(both())] == [str(number) for number in range(8)]
