"""`/v1/vector_stores` by OpenAI's client: its helpers, its errors, pages, filters, and that a store is a base and no more."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import openai
import pytest
from openai.types import VectorStore
from openai.types.vector_stores import VectorStoreFile

from tests.api.knowing import Base, embedding, ok
from tests.knowledge.reading_ranker import BEST, OTHER, reading_ranker
from tests.live import Live, error_of, live

LIMIT = 100_000
SCOPES = ["files:read", "files:write", "knowledge:read", "knowledge:write", "models:read"]
LEAVE = b"# Leave\n\nEmployees have fifteen days of annual leave."
PUMP = b"# Pumps\n\nThe MX-2140 pump delivers 12 litres per minute."
Maker = Callable[..., openai.OpenAI]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A server that asks for keys, with an embedding model; `server.http` sends an administrator's key."""
    limits = {"MODELYARD_MAX_DOCUMENT_BYTES": str(LIMIT)}
    with live(tmp_path_factory.mktemp("stores") / "home", limits) as running:
        root = running.http.post("/v1/admin/keys", json={"name": "root"}).json()["key"]
        running.http.headers.update({"authorization": f"Bearer {root}"})
        embedding(running, "vec")
        yield running


@pytest.fixture(scope="module")
def key(server: Live) -> Iterator[Maker]:
    """Makes a key of its own owner, and OpenAI's client with it."""
    made: list[openai.OpenAI] = []

    def make(**body: Any) -> openai.OpenAI:
        answer = server.http.post("/v1/admin/keys", json={"name": "test", "scopes": SCOPES, **body})
        assert answer.status_code == 201, answer.text
        made.append(openai.OpenAI(base_url=f"{server.url}/v1", api_key=answer.json()["key"], max_retries=0))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture(scope="module")
def client(key: Maker) -> openai.OpenAI:
    return key()


def stored(client: openai.OpenAI, name: str, data: bytes) -> str:
    return client.files.create(file=(name, data), purpose="assistants").id


def given(file: VectorStoreFile, *names: str) -> dict[str, Any]:
    """The attributes that a test gave; beside them is what the loader found in the file."""
    return {name: value for name, value in (file.attributes or {}).items() if name in names}


def refused(call: Callable[[], Any], status: int, code: str) -> str:
    """The message of an error that a call must get."""
    with pytest.raises(openai.APIStatusError) as caught:
        call()
    body: Any = caught.value.body
    assert (caught.value.status_code, body["code"]) == (status, code)
    return str(body["message"])


def test_a_store_is_a_base_with_its_files_as_documents(server: Live, client: openai.OpenAI) -> None:
    file = stored(client, "leave.md", LEAVE)
    store = client.vector_stores.create(name="rules", file_ids=[file], metadata={"team": "hr"}, description="of work")
    assert (store.object, store.name, store.metadata) == ("vector_store", "rules", {"team": "hr"})
    assert store.id.startswith("vs_") and store.file_counts.total == 1 and store.usage_bytes == len(LEAVE)
    polled = client.vector_stores.files.poll(file, vector_store_id=store.id)
    assert (polled.id, polled.status, polled.last_error, polled.usage_bytes) == (file, "completed", None, len(LEAVE))
    now = client.vector_stores.retrieve(store.id)
    assert (now.status, now.file_counts.completed, now.file_counts.in_progress) == ("completed", 1, 0)
    base = Base(server.http, "rules")
    assert base.info()["embedding_model"] == "vec" and base.info()["description"] == "of work"
    [document] = base.documents()
    assert document["name"] == "leave.md" and document["metadata"]["file_id"] == file
    [content] = client.vector_stores.files.content(file, vector_store_id=store.id).data
    assert content.text is not None and "fifteen days" in content.text
    assert base.texts("annual leave") == [hit.content[0].text for hit in found(client, store, "annual leave")]
    assert client.vector_stores.retrieve("rules").id == store.id
    renamed = client.vector_stores.update(store.id, name="house rules", metadata={"team": "all"})
    assert (renamed.id, renamed.name, renamed.metadata) == (store.id, "house rules", {"team": "all"})
    assert client.vector_stores.update(store.id, metadata=None).metadata == {}
    deleted = client.vector_stores.delete(store.id)
    assert (deleted.id, deleted.deleted, deleted.object) == (store.id, True, "vector_store.deleted")
    refused(lambda: client.vector_stores.retrieve(store.id), 404, "vector_store_not_found")
    assert server.http.get("/v1/knowledge_bases/house%20rules").status_code == 404
    assert client.files.retrieve(file).filename == "leave.md"


def found(client: openai.OpenAI, store: VectorStore, query: str | list[str], **options: Any) -> list[Any]:
    return client.vector_stores.search(store.id, query=query, **options).data


def test_a_base_made_elsewhere_is_a_store(server: Live, client: openai.OpenAI) -> None:
    base = Base.made(server, "of the page", embedding_model="vec")
    base.add({"a/pump.md": PUMP}, metadata='{"year": 2024, "tags": ["x"]}')
    store = next(each for each in client.vector_stores.list(limit=100) if each.name == "of the page")
    [file] = client.vector_stores.files.list(store.id).data
    own = {"year": 2024}  # what its loader found is metadata that no caller set
    assert file.attributes == own and file.id.startswith("file-0")
    [hit] = found(client, store, "MX-2140")
    assert (hit.file_id, hit.filename, hit.attributes) == (file.id, "a/pump.md", own)
    assert client.vector_stores.files.retrieve(file.id, vector_store_id=store.id) == file
    assert client.vector_stores.files.delete(file.id, vector_store_id=store.id).deleted
    assert base.documents() == [] and found(client, store, "MX-2140") == []


def test_files_of_one_name_stay_apart_and_the_helpers_upload(server: Live, client: openai.OpenAI) -> None:
    store = client.vector_stores.create(name="same names")
    first = client.vector_stores.files.upload_and_poll(vector_store_id=store.id, file=("notes.md", LEAVE))
    second = client.vector_stores.files.upload_and_poll(
        vector_store_id=store.id, file=("notes.md", PUMP), attributes={"kind": "pump", "year": 2024, "old": False}
    )
    assert (first.status, second.status) == ("completed", "completed") and first.id != second.id
    assert given(second, "kind", "year", "old") == {"kind": "pump", "year": 2024, "old": False}
    names = {hit.file_id: hit.filename for hit in found(client, store, ["annual leave", "litres per minute"])}
    assert names == {first.id: "notes.md", second.id: "notes.md"}
    assert {each["name"] for each in Base(server.http, "same names").documents()} == {
        "notes.md",
        f"{second.id}/notes.md",
    }
    again = client.vector_stores.files.create_and_poll(first.id, vector_store_id=store.id)
    assert again.id == first.id and client.vector_stores.retrieve(store.id).file_counts.total == 2
    changed = client.vector_stores.files.update(second.id, vector_store_id=store.id, attributes={"kind": "motor"})
    assert changed.attributes == {"kind": "motor"} and changed.id == second.id
    late = client.vector_stores.files.upload(vector_store_id=store.id, file=("late.md", b"late words"))
    assert client.vector_stores.files.poll(late.id, vector_store_id=store.id).status == "completed"


def test_what_cannot_be_indexed_says_why(client: openai.OpenAI) -> None:
    store = client.vector_stores.create(name="broken files")
    cases = {
        "unsupported_file": ("a.7z", b"7z\xbc\xaf\x27\x1c" + bytes(50)),
        "invalid_file": ("a.pdf", b"%PDF-1.7 nonsense"),
    }
    for code, file in cases.items():
        failed = client.vector_stores.files.upload_and_poll(vector_store_id=store.id, file=file)
        assert failed.status == "failed" and failed.last_error is not None
        assert failed.last_error.code == code and file[0] in failed.last_error.message
    assert client.vector_stores.retrieve(store.id).file_counts.failed == 2
    missing = "file-" + "1" * 27
    files = client.vector_stores.files
    refused(lambda: files.create(vector_store_id=store.id, file_id=missing), 404, "file_not_found")
    for name in (missing, "file-" + "f" * 27, "file-" + "0" * 27, "x", "file-0" + "f" * 26, "%00"):
        refused(partial(files.retrieve, name, vector_store_id=store.id), 404, "store_file_not_found")
    large = stored(client, "large.txt", b"x" * (LIMIT + 1))
    refused(lambda: files.create(vector_store_id=store.id, file_id=large), 413, "body_too_large")
    good = stored(client, "good.txt", b"words")
    batches = client.vector_stores.file_batches
    refused(lambda: batches.create(store.id, file_ids=[good, missing]), 404, "file_not_found")
    refused(lambda: client.vector_stores.create(name="never", file_ids=[missing]), 404, "file_not_found")
    assert client.vector_stores.retrieve(store.id).file_counts.total == 2
    assert "never" not in [each.name for each in client.vector_stores.list(limit=100)]
    message = refused(
        lambda: files.create(vector_store_id=store.id, file_id=good, attributes={"file_id": "x"}),
        400,
        "invalid_parameter",
    )
    assert "file_id" in message
    for name in ("vs_x", "vs_" + "0" * 24, "vs_" + "f" * 24, "nobody"):
        refused(partial(client.vector_stores.retrieve, name), 404, "vector_store_not_found")


def test_batches_are_jobs(client: openai.OpenAI) -> None:
    store = client.vector_stores.create(name="batches")
    batch = client.vector_stores.file_batches.upload_and_poll(
        store.id, files=[("a.md", LEAVE), ("b.md", PUMP), ("c.7z", b"7z\xbc\xaf\x27\x1c")]
    )
    counts = batch.file_counts
    assert (batch.status, counts.completed, counts.failed, counts.total) == ("completed", 2, 1, 3)
    files = list(client.vector_stores.file_batches.list_files(batch.id, vector_store_id=store.id, limit=2))
    assert len(files) == 3
    failed = client.vector_stores.file_batches.list_files(batch.id, vector_store_id=store.id, filter="failed").data
    assert [each.status for each in failed] == ["failed"]
    file = stored(client, "d.md", b"something else")
    other = client.vector_stores.file_batches.create_and_poll(
        store.id,
        files=[
            {
                "file_id": file,
                "attributes": {"n": 1.5},
                "chunking_strategy": {
                    "type": "static",
                    "static": {"max_chunk_size_tokens": 200, "chunk_overlap_tokens": 50},
                },
            }
        ],
    )
    assert other.status == "completed"
    [row] = client.vector_stores.file_batches.list_files(other.id, vector_store_id=store.id).data
    assert given(row, "n") == {"n": 1.5} and row.chunking_strategy is not None
    assert row.chunking_strategy.to_dict()["static"] == {"max_chunk_size_tokens": 200, "chunk_overlap_tokens": 50}
    apart = client.vector_stores.create(name="other batches")
    for name, where in ((other.id, apart), ("vsfb_x", store), (other.id.removeprefix("vsfb_"), store)):
        refused(
            partial(client.vector_stores.file_batches.retrieve, name, vector_store_id=where.id),
            404,
            "file_batch_not_found",
        )
    refused(lambda: client.vector_stores.file_batches.create(store.id), 400, "invalid_parameter")


def test_a_batch_that_waits_for_its_model_is_cancelled(server: Live, client: openai.OpenAI) -> None:
    store = client.vector_stores.create(name="waiting", extra_body={"embedding_model": "absent"})
    batch = client.vector_stores.file_batches.create(store.id, file_ids=[stored(client, "a.md", LEAVE)])
    assert (batch.status, batch.file_counts.in_progress) == ("in_progress", 1)
    assert client.vector_stores.retrieve(store.id).status == "in_progress"
    cancelled = client.vector_stores.file_batches.cancel(batch.id, vector_store_id=store.id)
    assert (cancelled.status, cancelled.file_counts.cancelled) == ("cancelled", 1)
    [file] = client.vector_stores.files.list(store.id, filter="cancelled").data
    assert file.status == "cancelled" and client.vector_stores.retrieve(store.id).status == "completed"


def test_searches_filter_rank_and_take_several_queries(client: openai.OpenAI) -> None:
    store = client.vector_stores.create(name="filtered")
    files = [
        {"file_id": stored(client, f"{year}.md", f"annual report of {year}".encode()), "attributes": {"year": year}}
        for year in (2022, 2023, 2024)
    ]
    client.vector_stores.file_batches.create_and_poll(store.id, files=files)  # type: ignore[arg-type]

    def years(filters: Any, **options: Any) -> list[int]:
        hits = found(client, store, "annual report", filters=filters, **options)
        return sorted(int(hit.attributes["year"]) for hit in hits)

    def compare(kind: str, value: Any) -> dict[str, Any]:
        return {"type": kind, "key": "year", "value": value}

    assert years(compare("eq", 2023)) == [2023] and years(compare("ne", 2023)) == [2022, 2024]
    assert years(compare("gt", 2022)) == [2023, 2024] and years(compare("lte", 2022)) == [2022]
    assert years(compare("in", [2022, 2024])) == [2022, 2024] and years(compare("nin", [2022])) == [2023, 2024]
    either = {"type": "or", "filters": [compare("eq", 2022), compare("eq", 2024)]}
    assert years(either) == [2022, 2024]
    assert years({"type": "and", "filters": [either, compare("gte", 2023)]}) == [2024]
    assert years({"type": "or", "filters": []}) == [] and len(years(None, max_num_results=2)) == 2
    scores = [hit.score for hit in found(client, store, ["annual report", "2024"])]
    assert scores == sorted(scores, reverse=True) and len(scores) == 3
    top = found(client, store, "annual report of 2024", ranking_options={"ranker": "none", "score_threshold": 0.99})
    assert all(hit.score >= 0.99 for hit in top)
    answer = client.vector_stores.search(store.id, query="annual report", rewrite_query=True)
    assert answer.object == "vector_store.search_results.page" and len(answer.data) == 3
    deep: dict[str, Any] = compare("eq", 1)
    for _ in range(30):
        deep = {"type": "and", "filters": [deep]}
    wrong: list[Any] = [
        {"type": "like", "key": "a", "value": 1},
        {"type": "and", "filters": [{"type": "like", "key": "a", "value": 1}]},
        {"type": "and", "filters": [{"type": "eq", "value": 1}]},
        compare("in", 1),
        deep,
    ]
    for each in wrong:
        message = refused(partial(years, each), 400, "invalid_parameter")
        assert "filters" in message
    refused(lambda: found(client, store, "  "), 400, "invalid_parameter")
    refused(lambda: found(client, store, "x", max_num_results=51), 400, "invalid_parameter")


def test_a_rerank_model_that_runs_ranks_a_store(server: Live, client: openai.OpenAI) -> None:
    store = client.vector_stores.create(name="ranked")
    ids = [stored(client, "leave.md", LEAVE), stored(client, "pump.md", PUMP)]
    client.vector_stores.file_batches.create_and_poll(store.id, file_ids=ids)
    by_words = found(client, store, "pump leave days")
    assert len(by_words) == 2
    last = by_words[-1].content[0].text
    with reading_ranker(server, "ranked", last):
        for more in ({}, {"ranking_options": {"ranker": "auto"}}):
            ranked = found(client, store, "pump leave days", **more)
            assert [hit.score for hit in ranked] == [BEST, OTHER] and ranked[0].content[0].text == last
        assert found(client, store, "pump leave days", ranking_options={"ranker": "none"}) == by_words
        assert len(found(client, store, "pump leave days", ranking_options={"score_threshold": 0.5})) == 1
        assert {hit.score for hit in found(client, store, ["pump leave days", "leave"])} == {BEST, OTHER}
        mixed = found(client, store, ["pump leave days", "насос pump"])
        assert not {hit.score for hit in mixed} & {BEST, OTHER}, "nobody knows whether it reads Russian"
    assert found(client, store, "pump leave days") == by_words


def test_pages_in_both_orders_and_directions(client: openai.OpenAI) -> None:
    store = client.vector_stores.create(name="pages")
    ids = [stored(client, f"{number}.txt", f"page {number}".encode()) for number in range(5)]
    client.vector_stores.file_batches.create_and_poll(store.id, file_ids=ids)
    files = client.vector_stores.files
    assert [each.id for each in files.list(store.id, limit=2, order="asc")] == ids
    assert [each.id for each in files.list(store.id, limit=2)] == ids[::-1]
    middle = files.list(store.id, before=ids[4], limit=2, order="asc")
    assert [each.id for each in middle.data] == ids[2:4] and middle.has_more
    assert [each.id for each in files.list(store.id, before=ids[1], limit=5).data] == ids[:1:-1]
    refused(lambda: files.list(store.id, after="file-" + "f" * 27), 404, "store_file_not_found")
    made = [client.vector_stores.create(name=f"page {number}").id for number in range(3)]
    assert [each.id for each in client.vector_stores.list(after=store.id, order="asc", limit=2)] == made
    assert [each.id for each in client.vector_stores.list(before=store.id, limit=1).data] == made[:1]
    client.vector_stores.delete(made[0])
    assert [each.id for each in client.vector_stores.list(after=made[0], order="asc")] == made[1:]
    refused(lambda: client.vector_stores.list(after="x"), 404, "vector_store_not_found")


def test_names_may_repeat_and_be_left_out(client: openai.OpenAI) -> None:
    first, second = (client.vector_stores.create(name="twice") for _ in range(2))
    assert (first.name, second.name) == ("twice", "twice 2") and first.id != second.id
    assert client.vector_stores.create().name == "vector store"
    refused(lambda: client.vector_stores.update(second.id, name="twice"), 409, "knowledge_base_exists")
    refused(lambda: client.vector_stores.create(name="a/b"), 400, "invalid_parameter")


def test_a_store_expires_after_its_last_use(server: Live, client: openai.OpenAI) -> None:
    before = int(time.time())
    store = client.vector_stores.create(name="brief", expires_after={"anchor": "last_active_at", "days": 3})
    assert store.expires_after is not None and store.expires_after.days == 3
    assert store.last_active_at is not None and store.expires_at == store.last_active_at + 3 * 24 * 3600
    assert store.last_active_at >= before and store.status == "completed"
    assert client.vector_stores.update(store.id, metadata={"a": "b"}).expires_at == store.expires_at
    lasting = client.vector_stores.update(store.id, expires_after=None)
    assert (lasting.expires_at, lasting.metadata) == (None, {"a": "b"})


def test_a_key_does_not_learn_which_other_stores_exist(client: openai.OpenAI, key: Maker) -> None:
    for name in ("closed", "closed 2", "open to it"):
        client.vector_stores.create(name=name)
    narrow = key(bases={"open to it": "write"})
    for name in ("closed", "absent"):
        with pytest.raises(openai.PermissionDeniedError, match=f"knowledge base '{name}'"):
            narrow.vector_stores.create(name=name)
    refused(lambda: narrow.vector_stores.create(name="open to it"), 409, "knowledge_base_exists")


def test_a_key_sees_the_stores_of_its_bases_alone(server: Live, client: openai.OpenAI, key: Maker) -> None:
    readable, writable, hidden = (
        client.vector_stores.create(name=name) for name in ("may read", "may write", "hidden")
    )
    narrow = key(bases={"may read": "read", "may write": "write"})
    assert {each.name for each in narrow.vector_stores.list()} == {"may read", "may write"}
    file = stored(narrow, "a.md", LEAVE)
    for call in (
        lambda: narrow.vector_stores.retrieve(hidden.id),
        lambda: narrow.vector_stores.delete(hidden.id),
        lambda: narrow.vector_stores.search(hidden.id, query="x"),
        lambda: narrow.vector_stores.files.list(hidden.id),
        lambda: narrow.vector_stores.files.create(vector_store_id=hidden.id, file_id=file),
        lambda: narrow.vector_stores.file_batches.create(hidden.id, file_ids=[file]),
    ):
        refused(call, 404, "vector_store_not_found")
    files = narrow.vector_stores.files
    refused(lambda: files.create(vector_store_id=readable.id, file_id=file), 403, "permission_denied")
    refused(lambda: narrow.vector_stores.create(name="mine"), 403, "permission_denied")
    assert files.create_and_poll(file, vector_store_id=writable.id).status == "completed"
    refused(lambda: client.vector_stores.files.create(vector_store_id=writable.id, file_id=file), 404, "file_not_found")
    unread = key(scopes=["knowledge:read", "knowledge:write"])
    refused(
        lambda: unread.vector_stores.files.create(vector_store_id=hidden.id, file_id=file), 403, "permission_denied"
    )
    reader = key(scopes=["knowledge:read"])
    refused(lambda: reader.vector_stores.delete(hidden.id), 403, "permission_denied")
    temporary = ok(server.http.get("/v1/vector_stores", params={"limit": 100}))["data"]
    assert all(not each["name"].startswith("files-") for each in temporary)
    unknown = server.http.post("/v1/vector_stores", json={"name": "x", "nonsense": 1})
    assert unknown.status_code == 400 and "nonsense" in error_of(unknown)["message"]
