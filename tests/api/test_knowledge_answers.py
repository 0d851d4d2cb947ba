"""Answers from knowledge bases on a real server: cited, streamed, through the official SDK, kept in conversations, by keys."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from openai import BadRequestError, NotFoundError, OpenAI, PermissionDeniedError

from tests.api.knowing import Base, ok
from tests.chat_pairs import pairs
from tests.live import Live, live

HANDBOOK = "# 年假\n\n员工每年有十五天年假。\n\n# Pumps\n\nThe MX-2140 pump delivers 12 litres per minute.\n"
DECOY = "# Pumps\n\nThe MX-2104 pump delivers 8 litres per minute.\n"
SPLIT = {"chunking": {"size": 60, "overlap": 0}}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("answers") / "home") as running:
        base = Base.made(running, "手册", **SPLIT)
        base.add({"handbook.md": HANDBOOK.encode(), "decoy.md": DECOY.encode()})
        yield running


def base(server: Live) -> Base:
    return Base(server.http, "手册")


def asked(server: Live, question: str, **body: Any) -> dict[str, Any]:
    found: dict[str, Any] = ok(server.http.post(f"{base(server).path}/answer", json={"question": question, **body}))
    return found


def events(answer: httpx.Response) -> list[dict[str, Any]]:
    return [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: {")]


def test_identifiers_and_words_of_two_characters_are_found(server: Live) -> None:
    assert base(server).search("MX-2104")["data"][0]["document"] == "decoy.md"
    assert base(server).search("MX-2140")["data"][0]["document"] == "handbook.md"
    hit = base(server).search("年假")["data"][0]
    assert [hit["text"][a:b] for a, b in hit["highlights"]] == ["年假", "年假"]


def test_a_search_explains_itself_if_asked(server: Live) -> None:
    assert base(server).search("MX-2104")["explanation"] is None
    found = base(server).search("MX-2104 pump", top_k=1, explain=True)["explanation"]
    assert [(each["hit"]["document"], each["rank"], each["dropped"]) for each in found["candidates"]] == [
        ("decoy.md", 1, None),
        ("handbook.md", None, "top_k"),
    ]
    assert found["candidates"][0]["terms"][0] == "mx-2104" and found["milliseconds"]["total"] > 0


def test_without_a_model_an_answer_is_made_of_sentences(server: Live) -> None:
    found = asked(server, "How many litres does the MX-2140 deliver?")
    assert found["model"] is None and "12 litres per minute. [1]" in found["answer"]
    cited = found["citations"][0]
    assert (cited["number"], cited["document"]) == (1, "handbook.md")
    number = base(server).document("handbook.md")["id"]
    text = server.http.get(f"{base(server).path}/documents/{number}/text").text
    assert text[cited["start"] : cited["end"]] == cited["text"]


@pytest.mark.parametrize(
    ("question", "sentence"), [("What is the weather on Mars?", "I found nothing"), ("火星天气如何", "没有找到")]
)
def test_no_evidence_is_said(server: Live, question: str, sentence: str) -> None:
    found = asked(server, question)
    assert sentence in found["answer"] and not found["evidence"] and not found["citations"]


def test_events_and_the_whole_answer_agree(server: Live) -> None:
    body = {"question": "年假有几天？", "stream": True}
    told = events(server.http.post(f"{base(server).path}/answer", json=body))
    assert [told[0]["type"], told[-1]["type"]] == ["sources", "answer"]
    assert "".join(each["text"] for each in told if each["type"] == "token") == told[-1]["answer"]
    assert told[-1]["answer"] == asked(server, "年假有几天？")["answer"]


def test_a_source_has_the_text_around_it(server: Live) -> None:
    with_neighbours = Base.made(server, "neighbours", **SPLIT)
    parts = ["The tide mill was built in 1742.", "Its wheel turns for five hours.", "It grinds barley and oats."]
    with_neighbours.add({"mill.txt": "\n\n".join(parts).encode()}, chunking=json.dumps({"size": 35, "overlap": 0}))
    body = {"question": "For how many hours does the wheel turn?"}
    found = ok(server.http.post(f"{with_neighbours.path}/answer", json=body))
    best = found["sources"][0]
    assert [best["before"], best["text"], best["after"]] == [f"{parts[0]}\n\n", parts[1], f"\n\n{parts[2]}"]


def test_conversations(server: Live) -> None:
    first = asked(server, "年假有几天？", conversation="new")
    again = asked(server, "MX-2140 litres?", conversation=first["conversation"])
    assert again["conversation"] == first["conversation"]
    path = f"/v1/chats/{first['conversation']}"
    messages = pairs(ok(server.http.get(f"{path}/messages"))["data"])
    assert [each["question"] for each in messages] == ["年假有几天？", "MX-2140 litres?"]
    assert messages[1]["citations"][0]["document"] == "handbook.md"
    judged = ok(server.http.post(f"/v1/chats/messages/{again['message']}/feedback", json={"score": 90, "reason": "好"}))
    assert (judged["score"], judged["reason"]) == (90, "好")
    assert "## 年假有几天？" in server.http.get(f"{path}/export").text
    assert first["conversation"] in [each["id"] for each in ok(server.http.get("/v1/chats"))["data"]]
    ok(server.http.delete(path))
    assert server.http.get(f"{path}/messages").status_code == 404


def test_the_official_client(server: Live) -> None:
    with OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as client:
        messages: Any = [{"role": "user", "content": "How many litres does the MX-2140 deliver?"}]
        whole = client.chat.completions.create(model="kb:手册", messages=messages)
        assert whole.model_extra and whole.model_extra["citations"][0]["document"] == "handbook.md"
        chunks = list(
            client.chat.completions.create(
                model="kb:手册", messages=messages, stream=True, stream_options={"include_usage": True}
            )
        )
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        assert text == whole.choices[0].message.content and chunks[-1].usage is not None
        deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
        assert deltas[0].role == "assistant" and deltas[0].content == deltas[-1].content == ""
        assert [c.model_extra["citations"] for c in chunks if c.model_extra and "citations" in c.model_extra]
        with pytest.raises(NotFoundError, match="nowhere"):
            client.chat.completions.create(model="kb:nowhere", messages=messages)


def test_offered_tools_have_no_effect_and_demanded_ones_are_refused(server: Live) -> None:
    tools: Any = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]
    with OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as client:
        messages: Any = [{"role": "user", "content": "How many litres does the MX-2140 deliver?"}]
        answer = client.chat.completions.create(model="kb:手册", messages=messages, tools=tools, tool_choice="auto")
        assert answer.choices[0].message.tool_calls is None and answer.choices[0].message.content
        with pytest.raises(BadRequestError, match="'tool_choice' is not supported by model 'kb:手册'"):
            client.chat.completions.create(model="kb:手册", messages=messages, tools=tools, tool_choice="required")


def test_a_model_answers_and_the_field_names_bases(server: Live) -> None:
    ok(server.http.post("/v1/models", json={"model_name": "modelyard-demo"}))
    yard = Base.made(server, "yard", prompts={"answer": "Context:\n{{ sources[0].text }}\n\nQuestion: {{ question }}"})
    yard.add({"yard.txt": b"The Yard server listens on port 9997. It is written in Python."})
    question = [{"role": "user", "content": "Which port does the Yard server use?"}]
    body = {"model": "modelyard-demo", "messages": question, "knowledge": {"bases": ["yard"]}, "temperature": 0}
    found = ok(server.http.post("/v1/chat/completions", json=body))
    assert found["choices"][0]["message"]["content"] == "The Yard server listens on port 9997. [1]"
    assert found["usage"]["completion_tokens"] > 0 and found["knowledge"]["model"] == "modelyard-demo"
    body["knowledge"] = {"bases": ["yart"]}
    assert server.http.post("/v1/chat/completions", json=body).status_code == 404
    ok(server.http.delete("/v1/models/modelyard-demo"))


def test_keys_see_their_bases_only(tmp_path_factory: pytest.TempPathFactory) -> None:
    with live(tmp_path_factory.mktemp("keyed") / "home") as server:
        admin = server.http.post("/v1/admin/keys", json={"name": "admin"}).json()["key"]
        server.http.headers["authorization"] = f"Bearer {admin}"
        for name in ("open", "shut"):
            Base.made(server, name).add({"a.txt": b"The lake is deep."})
        scopes = ["models:read", "knowledge:read"]
        wanted = {"name": "reader", "scopes": scopes, "bases": {"open": "read"}}
        reader = server.http.post("/v1/admin/keys", json=wanted).json()["key"]
        server.http.headers["authorization"] = f"Bearer {reader}"
        listed = ok(server.http.get("/v1/knowledge_bases"))["data"]
        assert [each["name"] for each in listed] == ["open"]
        assert Base(server.http, "open").search("lake")["data"]
        for path, body in (
            ("/v1/knowledge_bases/shut/search", {"query": "lake"}),
            ("/v1/knowledge_bases/search", {"query": "lake", "knowledge_bases": ["open", "shut"]}),
            ("/v1/knowledge_bases/shut/answer", {"question": "lake?"}),
            ("/v1/knowledge_bases/open/documents/delete", {"names": ["a.txt"]}),
            ("/v1/knowledge_bases", {"name": "more"}),
        ):
            assert server.http.post(path, json=body).status_code == 403, path
        with OpenAI(base_url=f"{server.url}/v1", api_key=reader, max_retries=0) as client:
            messages: Any = [{"role": "user", "content": "How deep is the lake?"}]
            assert client.chat.completions.create(model="kb:open", messages=messages).choices
            with pytest.raises(PermissionDeniedError):
                client.chat.completions.create(model="kb:shut", messages=messages)
