"""Stored responses over a kill and a restart of the server, and whose they are where keys are in use."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import OpenAI

from tests.dialects.conftest import key
from tests.live import Live, error_of, live

ENDLESS = {"fake": {"tokens": 1000, "hang_after": 3}}


def opened(server: Live) -> OpenAI:
    return OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0)


def test_a_kill_of_the_server_ends_what_it_made(tmp_path: Path) -> None:
    with live(tmp_path / "home") as server:
        server.launched("fake")
        with opened(server) as client:
            first = client.responses.create(model="fake", input="one", max_output_tokens=5)
            begun: Any = client.responses.create(
                model="fake", input="two", background=True, previous_response_id=first.id, extra_body=ENDLESS
            )
            seen: list[Any] = []
            with client.responses.retrieve(begun.id, stream=True) as events:
                for event in events:
                    seen.append(event)
                    if event.type == "response.output_text.delta":
                        break
        server.kill()
    with live(tmp_path / "home") as server, opened(server) as client:
        failed = client.responses.retrieve(begun.id)
        assert failed.status == "failed" and failed.error is not None and failed.error.code == "server_error"
        assert "Send the request again" in failed.error.message
        with client.responses.retrieve(begun.id, stream=True) as events:
            again: list[Any] = list(events)
        assert again[: len(seen)] == seen and again[-1].type == "response.failed"
        assert again[-1].response.to_dict() == failed.to_dict()
        assert [event.sequence_number for event in again] == list(range(len(again)))
        server.launched("other")
        second = client.responses.create(model="other", input="three", previous_response_id=first.id)
        kinds = [item.type for item in client.responses.input_items.list(second.id)]
        assert kinds == ["message"] * 3
        with pytest.raises(openai.BadRequestError, match="is failed"):
            client.responses.create(model="other", input="x", previous_response_id=begun.id)


def test_responses_and_conversations_of_others_are_missing(guarded: Live) -> None:
    mine, others = key(guarded), key(guarded, scopes=["models:read", "models:list"])
    http = guarded.http
    body = {"model": "fake", "input": "secret"}
    made = http.post("/v1/responses", json=body, headers=mine).json()
    talk = http.post("/v1/conversations", json={"items": [{"role": "user", "content": "x"}]}, headers=mine).json()["id"]
    item = http.get(f"/v1/conversations/{talk}/items", headers=mine).json()["data"][0]["id"]
    response = f"/v1/responses/{made['id']}"
    calls = [
        *[("GET", response), ("GET", f"{response}?stream=true"), ("DELETE", response), ("POST", f"{response}/cancel")],
        *[("GET", f"{response}/input_items"), ("GET", f"/v1/conversations/{talk}")],
        *[("POST", f"/v1/conversations/{talk}"), ("DELETE", f"/v1/conversations/{talk}")],
        *[("GET", f"/v1/conversations/{talk}/items"), ("POST", f"/v1/conversations/{talk}/items")],
        *[(method, f"/v1/conversations/{talk}/items/{item}") for method in ("GET", "DELETE")],
    ]
    for method, path in calls:
        sent = {"metadata": {}, "items": [{"role": "user", "content": "y"}]} if method == "POST" else None
        answer = http.request(method, path, json=sent, headers=others)
        assert answer.status_code == 404 and "secret" not in answer.text, (method, path)
    for named in ({"previous_response_id": made["id"]}, {"conversation": talk}):
        assert http.post("/v1/responses", json={**body, **named}, headers=others).status_code in (400, 404)
    reference = {"model": "fake", "input": [{"type": "item_reference", "id": item}]}
    answer = http.post("/v1/responses", json=reference, headers=others)
    assert (answer.status_code, error_of(answer)["code"]) == (404, "item_not_found")
    assert http.get(response, headers=mine).json() == made
    assert http.get(response).status_code == 200, "an administrator's key sees all"
    assert http.delete(f"/v1/conversations/{talk}", headers=mine).json()["deleted"] is True


def test_too_many_in_the_background_leave_nothing(tmp_path: Path) -> None:
    with live(tmp_path / "home", {"MODELYARD_MAX_GENERATIONS": "1"}) as server, opened(server) as client:
        server.launched("fake")
        talk = client.conversations.create()
        client.responses.create(model="fake", input="hi", background=True, extra_body=ENDLESS)
        for stream in (False, True):
            with pytest.raises(openai.RateLimitError):
                client.responses.create(model="fake", input="no", background=True, conversation=talk.id, stream=stream)
        assert client.conversations.items.list(talk.id).data == []
        assert len(server.http.get("/v1/generations").json()["data"]) == 1
        with closing(sqlite3.connect(server.home / "modelyard.db")) as database:
            assert database.execute("SELECT count(*) FROM stored_responses").fetchone() == (1,)
