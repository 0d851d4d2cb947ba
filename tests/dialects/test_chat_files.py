"""Files in the messages of chat completions, read by the loaders of knowledge bases, on a real server."""

from __future__ import annotations

import base64
from typing import Any

import httpx
import pytest
from openai import BadRequestError, OpenAI

from tests.dialects.conftest import Served, key
from tests.dialects.scripts import Json, ModelAnswer
from tests.dialects.test_anthropic_http import logged
from tests.dialects.test_responses_http import failure
from tests.live import Live

CHAT = "/v1/chat/completions"
NOTES = b"# Pumps\n\nThe MX-9 is blue.\n"
DATA = f"data:text/markdown;base64,{base64.b64encode(NOTES).decode()}"
TEXT = {"type": "text", "text": "Which colour?"}
FILE: Json = {"type": "file", "file": {"file_data": DATA, "filename": "notes.md"}}
DOCUMENT = "<document>\nTitle: notes.md\n\nPumps\n\nThe MX-9 is blue.\n</document>"


def post(server: Live, *parts: Json, path: str = CHAT, headers: Any = None, **fields: Any) -> httpx.Response:
    """A request with a message of these parts."""
    body = {"model": "script", "messages": [{"role": "user", "content": parts}], **fields}
    return server.http.post(path, json=body, headers=headers)


def stored(server: Live, headers: Any = None) -> str:
    """The id of a stored file."""
    file = ("notes.md", NOTES)
    answer = server.http.post("/v1/files", data={"purpose": "user_data"}, files={"file": file}, headers=headers)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


@pytest.mark.parametrize("streamed", [False, True])
def test_the_official_client_sends_files(served: Served, streamed: bool) -> None:
    client = OpenAI(base_url=f"{served.live.url}/v1", api_key="none", max_retries=0)
    by_id: Json = {"type": "file", "file": {"file_id": stored(served.live)}}
    messages: Any = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": [FILE, TEXT, by_id]}]
    if streamed:
        with client.chat.completions.create(model="script", messages=messages, stream=True) as chunks:
            answer = "".join(each.choices[0].delta.content or "" for each in chunks if each.choices)
    else:
        answer = client.chat.completions.create(model="script", messages=messages).choices[0].message.content or ""
    assert answer == "ok"
    (body,) = served.upstream.bodies
    document = {"type": "text", "text": DOCUMENT}
    assert body["messages"] == [messages[0], {"role": "user", "content": [document, TEXT, document]}]
    with pytest.raises(BadRequestError, match=r"messages\[0\]\.content\[0\]\.file\.file_data"):
        client.chat.completions.create(
            model="script", messages=[{"role": "user", "content": [{"type": "file", "file": {}}]}]
        )


@pytest.mark.parametrize("model", ["fake", "demo", "kb:handbook"])
def test_every_model_takes_files(served: Served, model: str) -> None:
    served.upstream.answer = lambda body: ModelAnswer(text=["12 litres [1]"])
    question = {"type": "text", "text": "How many litres does the MX-2140 pump deliver?"}
    for streamed in (False, True):
        answer = post(served.live, FILE, question, model=model, stream=streamed, max_tokens=5)
        assert answer.status_code == 200 and '"choices"' in answer.text, answer.text
    if model == "kb:handbook":
        assert all("The MX-9 is blue." in str(body["messages"]) for body in served.upstream.bodies)


def test_a_message_of_one_file_is_a_text(served: Served) -> None:
    """Every chat template takes a text. A part may leave its type out, and be written with escapes."""
    body = b'{"model": "script", "messages": [{"role": "user", "content": [{"\\u0066ile": {"file_data": "%s"}}]}]}'
    data = body % DATA.encode()
    answer = served.live.http.post(CHAT, content=data, headers={"content-type": "application/json"})
    assert answer.status_code == 200, answer.text
    assert served.upstream.bodies[0]["messages"][0]["content"] == DOCUMENT.replace("Title: notes.md\n\n", "")


WRONG: dict[str, tuple[Json, int, str]] = {
    "no base64": ({"file_data": "?"}, 400, "messages[0].content[1].file.file_data"),
    "no pdf": ({"filename": "Paper.pdf", "file_data": "data:application/pdf;base64,aGVsbG8="}, 400, "Paper"),
    "an address": ({"file_url": "http://127.0.0.1/a.pdf"}, 400, "messages[0].content[1].file.file_url"),
    "nothing": ({}, 400, "messages[0].content[1].file.file_data"),
    "no text": ({"file_id": 5}, 400, "messages[0].content[1].file.file_id"),
    "no file": ({"file_id": "file-none"}, 404, "file-none"),
}


@pytest.mark.parametrize("case", WRONG)
def test_files_that_cannot_be_read(served: Served, case: str) -> None:
    """The sentences are those of `/v1/responses`, with the places of a chat."""
    fields, status, words = WRONG[case]
    sentence = failure(post(served.live, TEXT, {"type": "file", "file": fields}, stream=True), status)
    assert words in sentence and not served.upstream.bodies
    item = {"role": "user", "content": [{"type": "input_text", "text": "a"}, {"type": "input_file", **fields}]}
    other = served.live.http.post("/v1/responses", json={"model": "script", "input": [item], "store": False})
    if case != "no text":  # a struct finds that there
        assert other.json()["error"]["message"] == sentence.replace(
            "messages[0].content[1].file", "input[0].content[1]"
        )


def test_the_model_is_looked_up_before_files_are_read(served: Served) -> None:
    failure(post(served.live, FILE, model="nowhere"), 404, "model_not_found")
    failure(post(served.live, {"type": "file", "file": "notes.md"}), 400)


def test_a_request_with_files_is_counted_once(served: Served) -> None:
    assert post(served.live, FILE, model="fake", max_tokens=5, headers={"x-request-id": "with-file"}).status_code == 200
    (line,) = logged(served.live, "with-file", count=1)
    assert (line["path"], line["model"], line["tokens_out"]) == (CHAT, "fake", 5)


def test_tokens_of_files_are_counted(served: Served) -> None:
    counts = [
        post(served.live, *parts, path="/tokenize", model="demo").json()["count"] for parts in ((TEXT,), (FILE, TEXT))
    ]
    assert counts[0] < counts[1]


def test_files_in_the_body_of_a_response(served: Served) -> None:
    """Cursor sends such bodies."""
    part = {"type": "input_file", "file_data": DATA, "filename": "notes.md"}
    body = {"model": "script", "input": [{"role": "user", "content": [part]}]}
    assert served.live.http.post(CHAT, json=body).status_code == 200
    assert "The MX-9 is blue." in str(served.upstream.bodies[0]["messages"])


def test_stored_files_are_their_owners(guarded: Live) -> None:
    def bearer(*scopes: str) -> dict[str, str]:
        return {"authorization": f"Bearer {key(guarded, scopes=[*scopes])['x-api-key']}"}

    mine, other = bearer("models:read", "files:read", "files:write"), bearer("models:read", "files:read")
    number = stored(guarded, mine)
    part: Json = {"type": "file", "file": {"file_id": number}}
    assert post(guarded, part, model="fake", headers=mine).status_code == 200
    assert number in failure(post(guarded, part, model="fake", headers=other), 404, "file_not_found")
    assert "files:read" in failure(post(guarded, part, model="fake", headers=bearer("models:read")), 403)
    assert post(guarded, FILE, model="fake", headers=bearer("models:read")).status_code == 200


def test_requests_from_inside_have_files_too(served: Served) -> None:
    """Such as those of generations and batches."""
    body = {"model": "script", "messages": [{"role": "user", "content": [FILE, TEXT]}]}
    begun = served.live.http.post("/v1/generations", json={"url": CHAT, "body": body})
    assert begun.status_code == 200, begun.text
    events = served.live.http.get(f"/v1/generations/{begun.json()['id']}/events").text
    assert "ok" in events
    assert served.upstream.bodies[0]["messages"][0]["content"][0]["text"] == DOCUMENT
