"""Tools that this server runs for `/v1/responses`, by OpenAI's client: knowledge bases, the web, MCP servers."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import OpenAI

from tests.api.knowing import Base
from tests.dialects.conftest import HANDBOOK, Upstream
from tests.dialects.scripts import Json, ModelAnswer
from tests.knowledge.reading_ranker import BEST, OTHER, reading_ranker
from tests.knowledge.web_server import Reply, Web, web
from tests.live import Live, live

SCOPES = ["models:read", "knowledge:read", "tools:use"]
PAGES = [
    {"title": "Cats", "url": "https://cats.example/a", "content": "Cats sleep all day."},
    {"title": "Dogs", "url": "https://dogs.example/b", "content": "Dogs bark at night."},
]
WEATHER: Any = {"type": "function", "name": "weather", "parameters": {"type": "object", "properties": {}}}
MCP: Json = {"type": "mcp", "server_label": "tests", "require_approval": "never", "allowed_tools": ["add", "wrong"]}
CHANGING = {"id", "created_at", "completed_at", "call_id", "parsed", "parsed_arguments"}


@dataclass(frozen=True)
class Hosting:
    """A server with everything that hosted tools use."""

    live: Live
    web: Web
    upstream: Upstream
    store: str
    """Id of the store that is the base `handbook`."""
    file: str

    def client(self, **body: Any) -> OpenAI:
        """OpenAI's client with a key of its own."""
        made = self.live.http.post("/v1/admin/keys", json={"name": "test", "scopes": SCOPES, **body})
        assert made.status_code == 201, made.text
        return OpenAI(base_url=f"{self.live.url}/v1", api_key=made.json()["key"], max_retries=0)


@pytest.fixture(scope="module")
def hosting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosting]:
    folder, upstream = tmp_path_factory.mktemp("hosted"), Upstream()
    own = {"command": sys.executable, "args": ["-m", "tests.knowledge.mcp_server"], "cwd": str(Path.cwd())}
    broken = {**own, "args": [*own["args"], "--broken"]}
    (folder / "mcp.json").write_text(json.dumps({"mcpServers": {"tests": own, "broken": broken}}), encoding="utf-8")
    with web() as elsewhere:
        env = {"MODELYARD_MCP_SERVERS": str(folder / "mcp.json"), "MODELYARD_SEARXNG_URL": elsewhere.url}
        elsewhere.pages["/search"] = Reply.of({"results": PAGES})
        elsewhere.pages["/v1/chat/completions"] = upstream.reply
        with live(folder / "home", {**env, "MODELYARD_FETCH_HOSTS": "127.0.0.1"}) as running:
            root = running.http.post("/v1/admin/keys", json={"name": "root"}).json()["key"]
            running.http.headers.update({"authorization": f"Bearer {root}"})
            running.launched("script", model_engine="external", base_url=f"{elsewhere.url}/v1")
            Base.made(running, "handbook").add({"handbook.md": HANDBOOK.encode()}, metadata='{"year": 2024}')
            Base.made(running, "hidden").add({"secret.md": b"the pump is secret"})
            with OpenAI(base_url=f"{running.url}/v1", api_key=root) as client:
                store = client.vector_stores.retrieve("handbook").id
                file = client.vector_stores.files.list(store).data[0].id
            yield Hosting(running, elsewhere, upstream, store, file)
            assert "Traceback" not in running.output()


@pytest.fixture(scope="module")
def client(hosting: Hosting) -> Iterator[OpenAI]:
    with hosting.client() as made:
        yield made


def script(hosting: Hosting, *rounds: ModelAnswer) -> list[Json]:
    """Let the model answer each round of a response in turn, from the first one again for each response."""

    def answer(body: Json) -> ModelAnswer:
        done = sum(message["role"] == "assistant" for message in body["messages"])
        found: ModelAnswer = rounds[min(done, len(rounds) - 1)]
        return found

    hosting.upstream.answer = answer
    hosting.upstream.bodies.clear()
    return hosting.upstream.bodies


def offered(kind: str, **more: Any) -> Any:
    """A tool of a request, also one that the client's types do not know."""
    return {"type": kind, **more}


def call(name: str, **arguments: Any) -> ModelAnswer:
    return ModelAnswer(calls=[(name, [json.dumps(arguments)])], finish="tool_calls")


def both(client: OpenAI, **request: Any) -> tuple[Any, list[Any]]:
    """A response that is whole, and the events of the same one as a stream; they are equal but for ids and times."""
    request = {"model": "script", "input": "How much?", **request}
    whole = client.responses.create(**request)
    with client.responses.stream(**request) as stream:
        events: list[Any] = list(stream)
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert events[-1].type == "response.completed"
    assert plain(whole.to_dict()) == plain(events[-1].response.to_dict())
    done = [event.item.to_dict() for event in events if event.type == "response.output_item.done"]
    assert plain(done) == plain(whole.to_dict()["output"])
    return whole, events


def plain(value: Any) -> Any:
    """A value without ids and times, and without what the client adds to a stream."""
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items() if name not in CHANGING}
    return [plain(each) for each in value] if isinstance(value, list) else value


def types(events: list[Any], prefix: str) -> list[str]:
    return [event.type.removeprefix("response.") for event in events if event.type.startswith(f"response.{prefix}")]


def refused(client: OpenAI, tool: Json, status: int = 400) -> str:
    """The message of the error that a tool must get."""
    with pytest.raises(openai.APIStatusError) as caught:
        client.responses.create(model="script", input="x", tools=[tool])  # type: ignore[list-item]
    assert caught.value.status_code == status
    return str(caught.value.message)


@pytest.mark.parametrize("named", [False, True])
def test_a_base_is_searched_and_cited_at_its_place(hosting: Hosting, client: OpenAI, named: bool) -> None:
    text = ["It delivers 12 litres ", "per minute [1]. ", "Really."]
    bodies = script(hosting, call("file_search", query="MX-2140 pump"), ModelAnswer(text=text))
    tool = {"type": "file_search", "vector_store_ids": ["handbook" if named else hosting.store]}
    found, events = both(client, tools=[tool], include=["file_search_call.results"])
    search, message = found.output
    assert (search.type, search.status, search.queries) == ("file_search_call", "completed", ["MX-2140 pump"])
    assert search.results[0].filename == "handbook.md" and "MX-2140" in search.results[0].text
    assert search.results[0].file_id == hosting.file and search.results[0].attributes["year"] == 2024
    (note,) = message.content[0].annotations
    assert (note.type, note.file_id, note.filename) == ("file_citation", hosting.file, "handbook.md")
    assert found.output_text[note.index :].startswith("[1]")
    assert types(events, "file_search_call") == [
        f"file_search_call.{s}" for s in ("in_progress", "searching", "completed")
    ]
    assert types(events, "output_text.annotation") == ["output_text.annotation.added"]
    assert (found.usage.input_tokens, found.usage.output_tokens) == (14, 10)
    first, second = bodies[0], bodies[1]
    assert [each["function"]["name"] for each in first["tools"]] == ["file_search"]
    assert second["messages"][-1]["role"] == "tool" and second["messages"][-1]["content"].startswith("[1] handbook.md")
    assert len(bodies) == 4 and "dropped_tools" not in (found.metadata or {})


def test_results_stay_out_and_filters_hold(hosting: Hosting, client: OpenAI) -> None:
    bodies = script(hosting, call("file_search", queries=["pump", "leave"]), ModelAnswer(text=["Nothing."]))
    old = {"type": "and", "filters": [{"type": "lt", "key": "year", "value": 2024}]}
    tool = {"type": "file_search", "vector_store_ids": ["handbook"], "filters": old, "max_num_results": 2}
    found, _ = both(client, tools=[tool])
    assert found.output[0].results is None and found.output[0].queries == ["pump", "leave"]
    assert found.output[1].content[0].annotations == [] and "Nothing was found" in bodies[1]["messages"][-1]["content"]


def test_a_text_without_numbers_cites_what_it_is_taken_from(hosting: Hosting, client: OpenAI) -> None:
    script(
        hosting,
        call("file_search", query="pump"),
        ModelAnswer(text=["The MX-2140 pump delivers 12 litres per minute."]),
    )
    found, _ = both(client, tools=[{"type": "file_search", "vector_store_ids": ["handbook"]}])
    (note,) = found.output[1].content[0].annotations
    assert (note.file_id, note.index) == (hosting.file, len(found.output_text))


def test_calls_that_are_wrong_reach_the_model(hosting: Hosting, client: OpenAI) -> None:
    wrong = ModelAnswer(calls=[("file_search", ["no json"]), ("file_search", ["{}"])], finish="tool_calls")
    bodies = script(hosting, wrong, ModelAnswer(text=["Sorry."]))
    found, events = both(client, tools=[{"type": "file_search", "vector_store_ids": ["handbook"]}])
    assert [item.status for item in found.output[:2]] == ["failed", "failed"] and found.output_text == "Sorry."
    assert all(each["content"].startswith("Error: 'query'") for each in bodies[1]["messages"][-2:])
    assert types(events, "file_search_call").count("file_search_call.failed") == 2


def test_addresses_and_arguments_that_nobody_can_read_are_errors_of_their_calls(
    hosting: Hosting, client: OpenAI
) -> None:
    deep = '{"a":' + "[" * 3000 + "]" * 3000 + "}"
    wrong = ModelAnswer(
        calls=[("open_page", ['{"url": "http://[docs.example"}']), ("tests__add", [deep])], finish="tool_calls"
    )
    bodies = script(hosting, wrong, ModelAnswer(text=["Sorry."]))
    found, _ = both(client, tools=[{"type": "web_search"}, MCP])
    calls = [item for item in found.output if item.type in ("web_search_call", "mcp_call")]
    assert [item.to_dict().get("status") for item in calls] == ["failed", "failed"] and found.output_text == "Sorry."
    assert all(each["content"].startswith("Error: ") for each in bodies[1]["messages"][-2:])


def test_rounds_are_bounded_and_each_counts(hosting: Hosting, client: OpenAI) -> None:
    bodies = script(hosting, call("file_search", query="a"), call("file_search", query="b"), ModelAnswer(text=["c"]))
    tool: Any = {"type": "file_search", "vector_store_ids": ["handbook"]}
    found = client.responses.create(model="script", input="x", tools=[tool], max_tool_calls=1)
    assert [item.type for item in found.output] == ["file_search_call"]  # the model calls although it may not
    assert [body.get("tool_choice") for body in bodies] == [None, "none"]
    with hosting.client(requests_per_minute=2) as limited, pytest.raises(openai.RateLimitError):
        limited.responses.create(model="script", input="x", tools=[tool])
    with hosting.client(requests_per_minute=3) as enough:
        assert enough.responses.create(model="script", input="x", tools=[tool]).output_text == "c"


def test_calls_of_the_client_end_the_response(hosting: Hosting, client: OpenAI) -> None:
    mixed = ModelAnswer(
        text=["I look."], calls=[("file_search", ['{"query": "pump"}']), ("weather", ["{}"])], finish="tool_calls"
    )
    bodies = script(hosting, mixed)
    found, _ = both(client, tools=[{"type": "file_search", "vector_store_ids": ["handbook"]}, WEATHER])
    assert sorted(item.type for item in found.output) == ["file_search_call", "function_call", "message"]
    assert len(bodies) == 2


def test_the_web_is_searched_and_read(hosting: Hosting, client: OpenAI) -> None:
    hosting.web.pages["/page"] = Reply("<html><title>Hello</title><body><p>The page says hello.</p></body></html>")
    address = f"{hosting.web.url}/page"
    text = ["Cats sleep [1], dogs bark [2] and a page greets [3]."]
    rounds = (call("web_search", query="cats"), call("open_page", url=address), ModelAnswer(text=text))
    bodies = script(hosting, *rounds)
    found, events = both(client, tools=[{"type": "web_search"}], include=["web_search_call.action.sources"])
    search, read, message = found.output
    assert (search.type, search.action.type, search.action.query) == ("web_search_call", "search", "cats")
    assert [each.url for each in search.action.sources] == [page["url"] for page in PAGES]
    assert (read.action.type, read.action.url, read.status) == ("open_page", address, "completed")
    assert "The page says hello." in bodies[2]["messages"][-1]["content"]
    cites = message.content[0].annotations
    assert [(each.type, each.url) for each in cites] == [
        ("url_citation", url) for url in (PAGES[0]["url"], PAGES[1]["url"], address)
    ]
    assert [found.output_text[each.start_index : each.end_index] for each in cites] == ["[1]", "[2]", "[3]"]
    assert types(events, "web_search_call.searching") == ["web_search_call.searching"] * 2


def test_sources_of_all_tools_are_numbered_together_and_stay_known(hosting: Hosting, client: OpenAI) -> None:
    begun = ModelAnswer(
        text=["It has leave [1]. I look further."], calls=[("web_search", ['{"query": "x"}'])], finish="tool_calls"
    )
    bodies = script(
        hosting, call("file_search", query="leave"), begun, ModelAnswer(text=["Dogs [3], leave [1], no [9]."])
    )
    tools = [offered("file_search", vector_store_ids=["handbook"], max_num_results=1), offered("web_search")]
    found, events = both(client, tools=tools)
    assert [item.type for item in found.output] == ["file_search_call", "message", "web_search_call", "message"]
    first, last = (found.output[index].content[0].annotations for index in (1, 3))
    assert [each.type for each in first] == ["file_citation"]
    assert [each.type for each in last] == ["url_citation", "file_citation"] and last[0].url == PAGES[1]["url"]
    assert bodies[2]["messages"][-2]["content"] == "It has leave [1]. I look further."
    assert len(types(events, "output_text.annotation")) == 3


def test_the_web_is_left_out_where_it_may_not_be_used(hosting: Hosting, client: OpenAI) -> None:
    bodies = script(hosting, ModelAnswer(text=["ok"]))
    with hosting.client(scopes=["models:read"]) as without:
        found = without.responses.create(model="script", input="x", tools=[{"type": "web_search"}])
        assert (found.metadata or {})["dropped_tools"] == "web_search"
        assert "tools:use" in refused(without, MCP, 403)
    old = offered("web_search_preview", external_web_access=False)
    cached = client.responses.create(model="script", input="x", tools=[old, WEATHER])
    assert (cached.metadata or {})["dropped_tools"] == "web_search_preview"
    assert [each["function"]["name"] for each in bodies[1]["tools"]] == ["weather"] and "tools" not in bodies[0]


def test_only_the_domains_of_a_request_are_searched_and_read(hosting: Hosting, client: OpenAI) -> None:
    address = f"{hosting.web.url}/page"
    rounds = (call("web_search", query="x"), call("open_page", url=address), ModelAnswer(text=["ok"]))
    bodies = script(hosting, *rounds)
    tool: Any = {"type": "web_search", "filters": {"allowed_domains": ["DOGS.example"]}}
    found = client.responses.create(model="script", input="x", tools=[tool])
    assert [item.to_dict().get("status") for item in found.output[:2]] == ["completed", "failed"]
    assert "Dogs" in bodies[1]["messages"][-1]["content"] and "Cats" not in bodies[1]["messages"][-1]["content"]


def test_tools_of_an_mcp_server(hosting: Hosting, client: OpenAI) -> None:
    rounds = (call("tests__add", left=1, right=2), call("tests__wrong"), ModelAnswer(text=["3"]))
    bodies = script(hosting, *rounds)
    found, events = both(client, tools=[MCP])
    listed, added, failed, message = found.output
    assert listed.type == "mcp_list_tools" and {each.name for each in listed.tools} == {"add", "wrong"}
    assert (added.name, added.server_label, added.output, added.error) == ("add", "tests", "和 = 3", None)
    assert json.loads(added.arguments) == {"left": 1, "right": 2} and added.status == "completed"
    assert failed.status == "failed" and "文件" in failed.error.content[0]["text"] and failed.output is None
    assert message.content[0].text == "3" and "文件" in bodies[2]["messages"][-1]["content"]
    assert types(events, "mcp_list_tools") == ["mcp_list_tools.in_progress", "mcp_list_tools.completed"]
    call_events = ["in_progress", "_arguments.delta", "_arguments.done"]
    expected = [f"mcp_call{each if each[0] == '_' else f'.{each}'}" for each in call_events]
    assert types(events, "mcp_call") == [*expected, "mcp_call.completed", *expected, "mcp_call.failed"]
    assert {each["function"]["name"] for each in bodies[0]["tools"]} == {"tests__add", "tests__wrong"}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"server_url": "https://mcp.example"}, "server_url"),
        ({"connector_id": "connector_gmail"}, "connector_id"),
        ({"server_label": "nobody"}, "There are: tests, broken"),
        ({"require_approval": "always"}, "require_approval"),
        ({"require_approval": None}, "require_approval"),
        ({"require_approval": {"always": {"tool_names": ["add"]}}}, "require_approval"),
        ({"allowed_tools": ["nothing"]}, "has no tool 'nothing'"),
        ({"server_label": 1}, "tools[0].server_label"),
    ],
)
def test_mcp_tools_that_are_refused(hosting: Hosting, client: OpenAI, more: Json, words: str) -> None:
    script(hosting, ModelAnswer(text=["ok"]))
    assert words in refused(client, {**MCP, **more})


def test_approvals_that_name_tools(hosting: Hosting, client: OpenAI) -> None:
    bodies = script(hosting, ModelAnswer(text=["ok"]))
    tool: Any = {"type": "mcp", "server_label": "tests", "require_approval": {"never": {"tool_names": ["add"]}}}
    client.responses.create(model="script", input="x", tools=[tool])
    assert [each["function"]["name"] for each in bodies[0]["tools"]] == ["tests__add"]
    assert "broken" in refused(client, {**MCP, "server_label": "broken"}, 502)


def test_a_rerank_model_that_runs_ranks_what_a_search_finds(hosting: Hosting, client: OpenAI) -> None:
    script(hosting, call("file_search", query="pump leave days"), ModelAnswer(text=["ok"]))

    def scores(**ranking: Any) -> list[float]:
        tool: Any = {"type": "file_search", "vector_store_ids": ["handbook"], "ranking_options": ranking}
        include: Any = ["file_search_call.results"]
        made = client.responses.create(model="script", input="x", tools=[tool], include=include)
        [searched] = [item for item in made.output if item.type == "file_search_call"]
        return [each.score or 0.0 for each in searched.results or []]

    with reading_ranker(hosting.live, "handbook", "pump"):
        assert scores() == scores(ranker="auto") == [BEST, OTHER]
        by_words = scores(ranker="none")
        assert len(by_words) == 2 and not {*by_words} & {BEST, OTHER}


def test_searches_that_are_refused(hosting: Hosting, client: OpenAI) -> None:
    def tool(**more: Any) -> Json:
        return {"type": "file_search", "vector_store_ids": ["handbook"], **more}

    assert "vs_" in refused(client, tool(vector_store_ids=["vs_" + "0" * 24]), 404)
    with hosting.client(bases={"handbook": "read"}) as narrow:
        refused(narrow, tool(vector_store_ids=["handbook", "hidden"]), 404)
    assert "tools[0].vector_store_ids" in refused(client, tool(vector_store_ids=[]))
    assert "tools[0].filters.type" in refused(client, tool(filters={"type": "x"}))
    assert "hybrid_search" in refused(client, tool(ranking_options={"hybrid_search": {"text_weight": 1}}))
    for twice in ([tool(), tool(vector_store_ids=["nothing"])], [MCP, {**MCP, "allowed_tools": ["nothing"]}]):
        with pytest.raises(openai.BadRequestError, match="already") as caught:
            client.responses.create(model="script", input="x", tools=twice)  # type: ignore[arg-type]
        assert caught.value.param == "tools[1]", "before it is opened"
    named_and = tool(filters={"type": "eq", "key": "$and", "value": 1})
    assert "tools[0].filters.key" in refused(client, named_and)
    assert "nobody" in refused(client, tool(ranking_options={"ranker": "nobody"}), 404)
    many = {"type": "and", "filters": [{"type": "and", "filters": []}] * 1000}
    assert "'tools[0].filters'" in refused(client, tool(filters=many))
    function = {**WEATHER, "name": "file_search"}
    with pytest.raises(openai.BadRequestError, match="already"):
        client.responses.create(model="script", input="x", tools=[tool(), function])  # type: ignore[list-item]


@pytest.mark.parametrize("kept", [True, False])
def test_results_reach_the_model_after_calls_of_the_client(hosting: Hosting, client: OpenAI, kept: bool) -> None:
    """The model searches, then calls a tool of each kind at once: no result is lost, and none is needed after the answer."""
    names = [
        ("weather", ["{}"]),
        ("tests__add", ['{"left": 1, "right": 2}']),
        ("tests__wrong", ["{}"]),
        ("web_search", ['{"query":"cats"}']),
    ]
    both_kinds = ModelAnswer(text=["I look."], calls=names, finish="tool_calls")
    bodies = script(hosting, call("file_search", query="MX-2140 pump"), both_kinds, ModelAnswer(text=["Sunny."]))
    tools: Any = [{"type": "file_search", "vector_store_ids": ["handbook"]}, {"type": "web_search"}, MCP, WEATHER]
    first = client.responses.create(model="script", input="Go", tools=tools, store=kept)
    (function,) = [item for item in first.output if item.type == "function_call"]
    result: Any = {"type": "function_call_output", "call_id": function.call_id, "output": "sunny"}
    question: Any = {"role": "user", "content": "Go"}
    earlier: Any = [question, *(item.to_dict() for item in first.output)]
    before: Any = {"previous_response_id": first.id} if kept else {}
    second = client.responses.create(
        model="script", input=[result] if kept else [*earlier, result], tools=tools, store=kept, **before
    )
    assert second.output_text == "Sunny."
    messages = bodies[-1]["messages"]
    assert [each["role"] for each in messages] == ["user", "assistant", "tool", "assistant", *["tool"] * 4]
    calls = [one for each in messages for one in each.get("tool_calls", ())]
    assert [one["function"]["name"] for one in calls] == ["file_search", *(name for name, _ in names)]
    assert json.loads(calls[0]["function"]["arguments"]) == {"query": "MX-2140 pump"}
    texts = {each["tool_call_id"]: each["content"] for each in messages if each["role"] == "tool"}
    words = ["MX-2140", "sunny", "和 = 3", "文件", "Cats sleep"]
    assert all(word in texts[one["id"]] for one, word in zip(calls, words, strict=True))
    assert not any(text.startswith("[") for text in texts.values())
    again: Any = [*earlier, result, *(item.to_dict() for item in second.output)]
    before = {"previous_response_id": second.id} if kept else {}
    client.responses.create(model="script", input=[*([] if kept else again), question], store=kept, **before)
    left = [one["function"]["name"] for each in bodies[-1]["messages"] for one in each.get("tool_calls", ())]
    assert left == ["weather"]


def test_a_choice_makes_the_model_search(hosting: Hosting, client: OpenAI) -> None:
    bodies = script(hosting, call("file_search", query="pump"), ModelAnswer(text=["ok"]))
    tool: Any = {"type": "file_search", "vector_store_ids": ["handbook"]}
    client.responses.create(model="script", input="x", tools=[tool], tool_choice={"type": "file_search"})
    assert bodies[0]["tool_choice"] == {"type": "function", "function": {"name": "file_search"}}
    assert bodies[1]["tool_choice"] == "auto"


def test_a_stored_response_keeps_its_calls_and_goes_on(hosting: Hosting, client: OpenAI) -> None:
    bodies = script(hosting, call("file_search", query="pump"), ModelAnswer(text=["Twelve [1]."]))
    tool: Any = {"type": "file_search", "vector_store_ids": ["handbook"]}
    first = client.responses.create(model="script", input="How much?", tools=[tool])
    kept = client.responses.retrieve(first.id)
    assert [item.to_dict() for item in kept.output] == [item.to_dict() for item in first.output]
    client.responses.create(model="script", input="Sure?", previous_response_id=first.id)
    roles = [message["role"] for message in bodies[-1]["messages"]]
    assert roles == ["user", "assistant", "user"] and bodies[-1]["messages"][1]["content"] == "Twelve [1]."
