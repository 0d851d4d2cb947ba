"""`/v1/batches` by OpenAI's client: paths, wrong lines, errors, cancelling, expiry, owners, keys that lose their rights."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, cast

import httpx
import openai
import pytest
from openai.types import Batch

from tests.api.knowing import Base
from tests.live import Live, error_of, live
from tests.processes import wait_for

CHAT: Final = "/v1/chat/completions"
SCOPES = ["files:read", "files:write", "models:read"]
ENDED = ("completed", "failed", "expired", "cancelled")
PASSWORD = "correct horse battery"
Maker = Callable[..., openai.OpenAI]
Json = dict[str, Any]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A server that asks for keys, with a real model and three of the fake engine; `server.http` sends an administrator's."""
    with live(tmp_path_factory.mktemp("batches") / "home") as running:
        root = running.http.post("/v1/admin/keys", json={"name": "root"}).json()["key"]
        running.http.headers.update({"authorization": f"Bearer {root}"})
        running.launched("demo", model_name="modelyard-demo", model_engine="llama_cpp", n_parallel=4)
        running.launched("m", model_type="LLM", tokens=4)
        running.launched("e", model_type="embedding", dimensions=4)
        running.launched("r", model_type="rerank")
        yield running


@pytest.fixture
def key(server: Live) -> Iterator[Maker]:
    """Makes a key of its own owner, and OpenAI's client with it."""
    made: list[openai.OpenAI] = []

    def make(**body: Any) -> openai.OpenAI:
        answer = server.http.post("/v1/admin/keys", json={"name": "test", "scopes": SCOPES, **body})
        assert answer.status_code == 201, answer.text
        made.append(client_of(server, answer.json()["key"]))
        return made[-1]

    yield make
    for each in made:
        each.close()


def client_of(server: Live, secret: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key=secret, max_retries=0)


def chat(model: str = "m", text: str = "hello", **body: Any) -> Json:
    return {"model": model, "messages": [{"role": "user", "content": text}], "max_tokens": 4, **body}


def lines(bodies: Sequence[Json], url: str = CHAT) -> bytes:
    rows = [{"custom_id": f"{n}", "method": "POST", "url": url, "body": body} for n, body in enumerate(bodies)]
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode()


def begun(client: openai.OpenAI, content: bytes, url: str = CHAT, **body: Any) -> Batch:
    """A batch of a file with this content."""
    file = client.files.create(file=("input.jsonl", content), purpose="batch")
    client.files.wait_for_processing(file.id)
    body.setdefault("completion_window", "24h")
    return client.batches.create(input_file_id=file.id, endpoint=cast(Any, url), **body)


def ended(client: openai.OpenAI, batch: Batch) -> Batch:
    """A batch once it has ended, by polling, as OpenAI's users wait."""

    def look() -> Batch | None:
        found = client.batches.retrieve(batch.id)
        return found if found.status in ENDED else None

    return wait_for(look, seconds=60, pause=0.05)


def rows(client: openai.OpenAI, file_id: str | None) -> list[Json]:
    """The lines of a file; none if there is no file."""
    return [] if file_id is None else [json.loads(each) for each in client.files.content(file_id).text.splitlines()]


def counts(batch: Batch) -> tuple[int, int, int]:
    assert batch.request_counts is not None
    return batch.request_counts.total, batch.request_counts.completed, batch.request_counts.failed


def test_a_batch_of_chats_with_a_real_model(key: Maker) -> None:
    client = key()
    batch = begun(client, lines([chat("demo", f"Say {n}.") for n in range(24)]), metadata={"for": "tests"})
    assert (batch.object, batch.endpoint, batch.completion_window) == ("batch", CHAT, "24h")
    assert batch.metadata == {"for": "tests"} and batch.expires_at == batch.created_at + 24 * 3600
    assert batch.output_file_id is None and batch.usage is None
    done = ended(client, batch)
    assert (done.status, counts(done), done.model, done.errors) == ("completed", (24, 24, 0), "demo", None)
    stamps = [done.created_at, done.in_progress_at, done.finalizing_at, done.completed_at]
    assert stamps == sorted(stamp or 0 for stamp in stamps) and done.created_at
    assert (done.failed_at, done.expired_at, done.cancelling_at, done.cancelled_at) == (None,) * 4
    found = rows(client, done.output_file_id)
    assert [row["custom_id"] for row in found] == [str(n) for n in range(24)], "in the order of the input"
    assert len({row["id"] for row in found}) == 24 and done.error_file_id is None
    for row in found:
        answer = openai.types.chat.ChatCompletion.model_validate(row["response"]["body"])
        assert row["error"] is None and row["response"]["status_code"] == 200 and row["response"]["request_id"]
        assert answer.choices[0].message.content and answer.usage is not None
    used = [row["response"]["body"]["usage"] for row in found]
    assert done.usage is not None and done.usage.output_tokens == sum(each["completion_tokens"] for each in used)
    assert done.usage.total_tokens == sum(each["total_tokens"] for each in used)
    file = client.files.retrieve(str(done.output_file_id))
    assert (file.purpose, file.filename, file.expires_at) == ("batch_output", f"{batch.id}_output.jsonl", None)
    assert client.files.wait_for_processing(file.id).bytes == len(client.files.content(file.id).read())


OTHERS: list[tuple[str, Json, str]] = [
    ("/v1/completions", {"model": "demo", "prompt": "Once", "max_tokens": 2}, "choices"),
    ("/v1/embeddings", {"model": "e", "input": ["世界", "b"]}, "data"),
    ("/v1/rerank", {"model": "r", "query": "a", "documents": ["a", "b"]}, "results"),
]


@pytest.mark.parametrize(("url", "body", "field"), OTHERS)
def test_every_other_path(key: Maker, url: str, body: Json, field: str) -> None:
    client = key()
    done = ended(client, begun(client, lines([body] * 3, url), url))
    assert (done.status, counts(done)) == ("completed", (3, 3, 0)), rows(client, done.error_file_id)
    assert all(row["response"]["body"][field] for row in rows(client, done.output_file_id))


def test_knowledge_bases_are_models_of_a_batch(server: Live, key: Maker) -> None:
    Base.made(server, "yard").add({"pump.md": b"The MX-2140 pump delivers 12 litres per minute."})
    client = key(scopes=[*SCOPES, "knowledge:read"])
    questions = [chat("kb:yard", "How many litres does the MX-2140 deliver?") for _ in range(5)]
    for each in questions:
        del each["max_tokens"]
    done = ended(client, begun(client, lines(questions)))
    assert (done.status, counts(done), done.model) == ("completed", (5, 5, 0), "kb:yard")
    assert all("citations" in row["response"]["body"] for row in rows(client, done.output_file_id))
    without = key(scopes=["files:read", "files:write", "models:read"])
    done = ended(without, begun(without, lines(questions)))
    assert counts(done) == (5, 0, 5)
    assert {row["response"]["status_code"] for row in rows(without, done.error_file_id)} == {403}


def test_all_wrong_lines_are_named_before_anything_runs(server: Live, key: Maker) -> None:
    client = key()
    good = lines([chat()] * 2).splitlines()
    content = [good[0], b"{", good[1], good[0], b"", json.dumps({"custom_id": "9"}).encode()]
    done = ended(client, begun(client, b"\n".join(content)))
    assert (done.status, counts(done), done.output_file_id) == ("failed", (0, 0, 0), None)
    assert done.failed_at and done.in_progress_at is None and done.errors is not None and done.errors.data
    assert [(each.line, each.code, each.param) for each in done.errors.data] == [
        (2, "invalid_json_line", None),
        (4, "duplicate_custom_id", "custom_id"),
        (6, "missing_required_parameter", "method"),
    ]
    assert all(each.message for each in done.errors.data)
    job = server.http.get(f"/v1/jobs/{done.id}").json()
    assert (job["state"], job["error"]["code"]) == ("failed", "invalid_parameter")


def test_more_wrong_lines_than_a_batch_names_are_in_its_file(key: Maker) -> None:
    client = key()
    done = ended(client, begun(client, b"{\n" * 1200))
    assert done.status == "failed" and done.errors is not None and done.errors.data is not None
    assert len(done.errors.data) == 1001 and done.errors.data[-1].code == "too_many_errors"
    assert [row["line"] for row in rows(client, done.error_file_id)] == list(range(1, 1201))


def test_requests_with_errors_are_in_the_error_file(key: Maker) -> None:
    client = key()
    bodies = [chat(), chat("nowhere"), chat(temperature=-5), {"model": "m"}, chat()]
    done = ended(client, begun(client, lines(bodies)))
    assert (done.status, counts(done), done.model) == ("completed", (5, 2, 3), None)
    assert [row["custom_id"] for row in rows(client, done.output_file_id)] == ["0", "4"]
    errors = {row["custom_id"]: row for row in rows(client, done.error_file_id)}
    assert {name: row["response"]["status_code"] for name, row in errors.items()} == {"1": 404, "2": 400, "3": 400}
    assert errors["1"]["response"]["body"]["error"]["code"] == "model_not_found" and errors["1"]["error"] is None


def hanging(count: int) -> list[Json]:
    """One request that is answered, and others that never are."""
    return [chat(), *(chat(fake={"hang": True}) for _ in range(count))]


def answered(client: openai.OpenAI, batch: Batch) -> None:
    """Wait until one request of a batch is answered."""
    wait_for(lambda: counts(client.batches.retrieve(batch.id))[1] == 1, seconds=60, pause=0.05)


def test_a_cancelled_batch_has_the_output_of_what_was_answered(server: Live, key: Maker) -> None:
    client = key()
    batch = begun(client, lines(hanging(300)))
    answered(client, batch)
    stopped = client.batches.cancel(batch.id)
    assert stopped.status == "cancelling" and stopped.cancelling_at
    done = ended(client, batch)
    assert (done.status, counts(done), done.completed_at) == ("cancelled", (301, 1, 0), None)
    assert done.cancelled_at and [row["custom_id"] for row in rows(client, done.output_file_id)] == ["0"]
    missing = rows(client, done.error_file_id)
    assert len(missing) == 300 and {row["error"]["code"] for row in missing} == {"batch_cancelled"}
    assert client.batches.cancel(batch.id).status == "cancelled"
    assert server.http.get(f"/v1/jobs/{batch.id}").json()["state"] == "cancelled"


def test_a_batch_is_cancelled_as_a_job_too(server: Live, key: Maker) -> None:
    client = key()
    batch = begun(client, lines(hanging(2)))
    answered(client, batch)
    assert server.http.post(f"/v1/jobs/{batch.id}/cancel").status_code == 200
    done = ended(client, batch)
    assert done.status == "cancelled" and len(rows(client, done.output_file_id)) == 1
    assert server.http.post(f"/v1/jobs/{batch.id}/cancel").status_code == 409


def test_a_batch_expires_with_what_is_answered_by_then(key: Maker) -> None:
    client = key()
    batch = begun(client, lines(hanging(3)), completion_window=cast(Any, "2s"))
    done = ended(client, batch)
    assert (done.status, done.expires_at, done.completed_at) == ("expired", batch.created_at + 2, None)
    assert done.expired_at and done.finalizing_at
    answers = rows(client, done.output_file_id) + rows(client, done.error_file_id)
    assert sorted(row["custom_id"] for row in answers) == ["0", "1", "2", "3"]
    assert {row["error"]["code"] for row in rows(client, done.error_file_id)} == {"batch_expired"}
    with pytest.raises(openai.ConflictError, match="is expired"):
        client.batches.cancel(batch.id)


def test_output_files_expire_when_the_batch_says(key: Maker) -> None:
    client = key()
    expiry: Any = {"anchor": "created_at", "seconds": 3600}
    done = ended(client, begun(client, lines([chat(), chat("nowhere")]), output_expires_after=expiry))
    for name in (done.output_file_id, done.error_file_id):
        file = client.files.retrieve(str(name))
        assert file.expires_at == file.created_at + 3600


def test_the_input_may_be_deleted_once_it_was_checked(key: Maker) -> None:
    client = key()
    batch = begun(client, lines(hanging(1)))
    answered(client, batch)
    client.files.delete(batch.input_file_id)
    client.batches.cancel(batch.id)
    assert len(rows(client, ended(client, batch).error_file_id)) == 1


def test_pages_of_batches(key: Maker) -> None:
    client = key()
    ids = [begun(client, lines([chat()])).id for _ in range(5)]
    page = client.batches.list(limit=2)
    assert [batch.id for batch in page.data] == ids[:2:-1] and page.has_more
    assert [batch.id for batch in client.batches.list(limit=2)] == ids[::-1]
    for name in ids:
        ended(client, client.batches.retrieve(name))


def test_the_asynchronous_client_does_the_same(server: Live, key: Maker) -> None:
    secret = key().api_key

    async def go() -> None:
        async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key=secret, max_retries=0) as client:
            file = await client.files.create(file=("i.jsonl", lines([chat()])), purpose="batch")
            batch = await client.batches.create(input_file_id=file.id, endpoint=CHAT, completion_window="24h")
            while (batch := await client.batches.retrieve(batch.id)).status not in ENDED:  # noqa: ASYNC110 - by polling
                await asyncio.sleep(0.05)
            assert batch.status == "completed"
            assert [each.id async for each in client.batches.list(limit=1)] == [batch.id]
            with pytest.raises(openai.ConflictError):
                await client.batches.cancel(batch.id)

    asyncio.run(go())


def test_other_owners_and_unknown_ids_are_missing(server: Live, key: Maker) -> None:
    ann, ben = key(), key()
    batch = ended(ann, begun(ann, lines([chat()])))
    for name in (batch.id, "batch_abc123", "batch_id"):
        for call in (ben.batches.retrieve, ben.batches.cancel, lambda name: ben.batches.list(after=name)):
            with pytest.raises(openai.NotFoundError) as caught:
                call(name)
            assert caught.value.code == "batch_not_found"
    for name in (batch.input_file_id, "file-abc123"):
        with pytest.raises(openai.NotFoundError) as caught:
            ben.batches.create(input_file_id=name, endpoint=CHAT, completion_window="24h")
        assert (caught.value.code, caught.value.param) == ("file_not_found", "input_file_id")
    assert ben.batches.list().data == []
    assert server.http.get(f"/v1/batches/{batch.id}").json()["owner"]
    with pytest.raises(openai.PermissionDeniedError, match="lacks the scope"):
        key(scopes=["files:read", "files:write"]).batches.list()


REFUSED: list[tuple[Json, str]] = [
    ({"endpoint": "/v1/audio/transcriptions"}, "endpoint"),
    ({"endpoint": "/v1/audio/speech"}, "endpoint"),
    ({"endpoint": "/v1/nowhere"}, "endpoint"),
    ({"completion_window": "soon"}, "completion_window"),
    ({"completion_window": "0h"}, "completion_window"),
    ({"completion_window": "31d"}, "completion_window"),
    ({"metadata": {str(n): "" for n in range(17)}}, "metadata"),
    ({"metadata": {"a": "x" * 513}}, "metadata.a"),
    ({"output_expires_after": {"anchor": "created_at", "seconds": 1}}, "output_expires_after.seconds"),
]


@pytest.mark.parametrize(("change", "param"), REFUSED)
def test_wrong_batches_are_refused(server: Live, change: Json, param: str) -> None:
    form = {"file": ("a", b"{}")}
    file = server.http.post("/v1/files", files=form, data={"purpose": "batch"}).json()["id"]
    answer = server.http.post("/v1/batches", json={"input_file_id": file, "endpoint": CHAT, **change})
    assert (answer.status_code, error_of(answer)["param"]) == (400, param)


def test_only_files_for_batches_are_taken(key: Maker) -> None:
    client = key()
    for purpose, content, text in (("user_data", b"{}", "purpose 'user_data'"), ("batch", b"", "is empty")):
        file = client.files.create(file=("a", content), purpose=cast(Any, purpose))
        with pytest.raises(openai.BadRequestError, match=text) as caught:
            client.batches.create(input_file_id=file.id, endpoint=CHAT, completion_window="24h")
        assert caught.value.param == "input_file_id"


def test_a_key_keeps_to_its_models(key: Maker) -> None:
    client = key(models=["m"])
    done = ended(client, begun(client, lines([chat("m"), chat("demo")])))
    assert counts(done) == (2, 1, 1)
    (row,) = rows(client, done.error_file_id)
    assert (row["custom_id"], row["response"]["status_code"]) == ("1", 403)


def waiting(server: Live, client: openai.OpenAI, model: str) -> Batch:
    """A batch that waits for its model, which does not load by itself."""
    server.launch(model, wait_ready=False, model_type="LLM", load_seconds=600)
    batch = begun(client, lines([chat(model)] * 3))
    wait_for(lambda: server.http.get(f"/v1/jobs/{batch.id}").json()["state"] == "waiting", seconds=60, pause=0.05)
    assert client.batches.retrieve(batch.id).status == "in_progress"
    return batch


def test_a_batch_waits_for_its_model(server: Live, key: Maker) -> None:
    client = key()
    batch = waiting(server, client, "late")
    assert "late" in server.http.get(f"/v1/jobs/{batch.id}").json()["progress"]["message"]
    assert server.http.delete("/v1/models/late").status_code == 200
    server.launched("late", model_type="LLM")
    done = ended(client, batch)
    assert counts(done)[0] == 3 and sum(counts(done)[1:]) == 3
    assert server.http.delete("/v1/models/late").status_code == 200


def test_a_revoked_key_makes_the_rest_of_its_lines_errors(server: Live) -> None:
    made = server.http.post("/v1/admin/keys", json={"name": "leaving", "scopes": SCOPES}).json()
    with client_of(server, made["key"]) as client:
        batch = waiting(server, client, "never")
    assert server.http.delete(f"/v1/admin/keys/{made['id']}").status_code == 200
    root = server.http.headers["authorization"].removeprefix("Bearer ")
    with client_of(server, root) as admin:
        done = ended(admin, batch)
        assert (done.status, counts(done)) == ("completed", (3, 0, 3))
        found = rows(admin, done.error_file_id)
    assert {row["response"]["status_code"] for row in found} == {401}
    assert server.http.delete("/v1/models/never").status_code == 200


def test_a_users_batch_goes_on_after_the_login_has_ended(server: Live) -> None:
    user = {"username": "ann", "password": PASSWORD, "scopes": SCOPES}
    assert server.http.post("/v1/admin/users", json=user).status_code == 201
    sent = {"username": "ann", "password": PASSWORD}
    token = httpx.post(f"{server.url}/token", json=sent).json()["access_token"]
    server.launched("slow", model_type="LLM", tokens=4, tokens_per_second=20, slots=1)
    with client_of(server, token) as client:
        batch = begun(client, lines([chat("slow")] * 12))
        wait_for(lambda: counts(client.batches.retrieve(batch.id))[1], seconds=60, pause=0.05)
        assert httpx.post(f"{server.url}/v1/auth/logout", headers={"authorization": f"Bearer {token}"}).is_success
        with pytest.raises(openai.AuthenticationError):
            client.batches.retrieve(batch.id)
    again = httpx.post(f"{server.url}/token", json=sent).json()["access_token"]
    with client_of(server, again) as client:
        done = ended(client, batch)
        assert (done.status, counts(done)) == ("completed", (12, 12, 0))
        assert len(rows(client, done.output_file_id)) == 12
    assert server.http.delete("/v1/models/slow").status_code == 200


def test_requests_of_batches_count_for_their_key_and_are_not_listed(server: Live, key: Maker) -> None:
    client = key()
    done = ended(client, begun(client, lines([chat()] * 7)))
    headers = {"authorization": f"Bearer {client.api_key}"}
    assert httpx.get(f"{server.url}/v1/requests", headers=headers).json()["data"] == []
    assert done.usage is not None and done.usage.output_tokens == 28
