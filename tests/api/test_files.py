"""`/v1/files` and `/v1/uploads` by OpenAI's client: its helpers, its errors, owners, scopes and bounds."""

from __future__ import annotations

import asyncio
import hashlib
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from tests.live import Live, error_of, live

LIMIT = 3_000_000
QUOTA = 10_000_000
SCOPES = ["files:read", "files:write"]
LINES = b'{"custom_id": "1"}\n{"custom_id": "2"}\n'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A server that asks for keys; `server.http` sends an administrator's."""
    limits = {"MODELYARD_MAX_FILE_BYTES": str(LIMIT), "MODELYARD_FILE_QUOTA_BYTES": str(QUOTA)}
    with live(tmp_path_factory.mktemp("files") / "home", limits) as running:
        root = running.http.post("/v1/admin/keys", json={"name": "root"}).json()["key"]
        running.http.headers.update({"authorization": f"Bearer {root}"})
        yield running


Maker = Callable[..., openai.OpenAI]


@pytest.fixture
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
    for file in server.http.get("/v1/files").json()["data"]:
        assert server.http.delete(f"/v1/files/{file['id']}").status_code == 200


def test_a_file_is_stored_polled_read_and_deleted(key: Maker) -> None:
    client = key()
    file = client.files.create(file=("rows.jsonl", LINES, "text/html"), purpose="batch")
    assert (file.object, file.bytes, file.filename, file.purpose) == ("file", len(LINES), "rows.jsonl", "batch")
    assert file.expires_at == file.created_at + 30 * 24 * 3600
    assert client.files.wait_for_processing(file.id).status == "processed"
    assert client.files.retrieve(file.id) == file
    answer = client.files.content(file.id)
    assert answer.read() == LINES
    headers = answer.response.headers
    assert headers["content-type"] == "application/octet-stream", "the type that a client names is not trusted"
    assert headers["x-content-type-options"] == "nosniff" and "attachment" in headers["content-disposition"]
    deleted = client.files.delete(file.id)
    assert (deleted.id, deleted.object, deleted.deleted) == (file.id, "file", True)
    for call in (client.files.retrieve, client.files.content, client.files.delete):
        with pytest.raises(openai.NotFoundError) as caught:
            call(file.id)
        assert caught.value.code == "file_not_found"


def test_content_is_streamed_and_read_as_text(key: Maker, tmp_path: Path) -> None:
    client = key()
    file = client.files.create(file=("rows.jsonl", LINES), purpose="batch")
    with pytest.deprecated_call():
        assert client.files.retrieve_content(file.id) == LINES.decode()
    with client.files.with_streaming_response.content(file.id) as answer:
        assert b"".join(answer.iter_bytes(7)) == LINES
    client.files.content(file.id).write_to_file(tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == LINES
    raw = client.files.with_raw_response.list(purpose="batch", limit=1)
    assert raw.parse().data == [file] and raw.headers["x-request-id"]


def test_a_file_expires_when_its_upload_says(key: Maker) -> None:
    client = key()
    file = client.files.create(file=b"x", purpose="user_data", expires_after={"anchor": "created_at", "seconds": 3600})
    assert file.expires_at == file.created_at + 3600
    assert client.files.create(file=b"x", purpose="user_data").expires_at is None
    for seconds, anchor in ((3599, "created_at"), (2592001, "created_at"), (3600, "last_used")):
        expiry: Any = {"anchor": anchor, "seconds": seconds}
        with pytest.raises(openai.BadRequestError) as caught:
            client.files.create(file=b"x", purpose="user_data", expires_after=expiry)
        assert str(caught.value.param).startswith("expires_after.")


def test_pages_go_on_by_themselves_while_files_are_deleted(key: Maker) -> None:
    client = key()
    ids = [client.files.create(file=b"x", purpose="vision" if number % 2 else "evals").id for number in range(5)]
    page = client.files.list(limit=2)
    assert [file.id for file in page.data] == ids[:2:-1] and page.has_more
    assert [file.id for file in client.files.list(limit=2, order="asc")] == ids
    assert [file.id for file in client.files.list(limit=1, purpose="vision")] == [ids[3], ids[1]]
    assert [client.files.delete(file.id).id for file in client.files.list(limit=2)] == ids[::-1]
    assert client.files.list().data == []


def test_large_files_arrive_in_parts(key: Maker, tmp_path: Path) -> None:
    client = key()
    content = bytes(range(256)) * 10_000
    (tmp_path / "large.bin").write_bytes(content)
    md5 = hashlib.md5(content).hexdigest()
    upload = client.uploads.upload_file_chunked(
        file=tmp_path / "large.bin", mime_type="text/html", purpose="user_data", part_size=600_000, md5=md5
    )
    assert upload.status == "completed" and upload.file is not None
    assert (upload.file.filename, upload.file.bytes) == ("large.bin", len(content))
    assert client.files.content(upload.file.id).read() == content
    again = client.uploads.upload_file_chunked(
        file=content, filename="b", bytes=len(content), mime_type="", purpose="evals", part_size=2_000_000
    )
    assert again.file is not None and client.files.content(again.file.id).read() == content


def test_an_upload_is_cancelled(key: Maker) -> None:
    client = key()
    upload = client.uploads.create(bytes=3, filename="a", mime_type="text/plain", purpose="user_data")
    assert upload.status == "pending" and upload.expires_at == upload.created_at + 3600 and upload.file is None
    part = client.uploads.parts.create(upload.id, data=b"abc")
    assert (part.object, part.upload_id) == ("upload.part", upload.id)
    assert client.uploads.cancel(upload.id).status == "cancelled"
    with pytest.raises(openai.BadRequestError, match="the upload is cancelled"):
        client.uploads.complete(upload.id, part_ids=[part.id])
    assert client.files.list().data == []


def test_the_asynchronous_client_does_the_same(server: Live, key: Maker, tmp_path: Path) -> None:
    secret = key().api_key
    (tmp_path / "a.bin").write_bytes(b"abcdef")

    async def go() -> None:
        async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key=secret, max_retries=0) as client:
            file = await client.files.create(file=tmp_path / "a.bin", purpose="user_data")
            assert (await client.files.wait_for_processing(file.id)).filename == "a.bin"
            upload = await client.uploads.upload_file_chunked(
                file=tmp_path / "a.bin", mime_type="x", purpose="user_data", part_size=4
            )
            assert upload.file is not None and (await client.files.content(upload.file.id)).read() == b"abcdef"
            assert [each.id async for each in client.files.list(limit=1)] == [upload.file.id, file.id]

    asyncio.run(go())


def test_other_owners_and_unknown_ids_are_missing(server: Live, key: Maker) -> None:
    ann, ben = key(), key()
    file = ann.files.create(file=b"ann's", purpose="user_data")
    upload = ann.uploads.create(bytes=1, filename="a", mime_type="", purpose="user_data")
    part = ann.uploads.parts.create(upload.id, data=b"a")
    for name in (file.id, "file-abc123", "file_id"):
        for call in (ben.files.retrieve, ben.files.content, ben.files.delete, lambda name: ben.files.list(after=name)):
            with pytest.raises(openai.NotFoundError):
                call(name)
    for name in (upload.id, "upload_abc123"):
        for request in (
            lambda name: ben.uploads.cancel(name),
            lambda name: ben.uploads.parts.create(name, data=b"b"),
            lambda name: ben.uploads.complete(name, part_ids=[part.id]),
        ):
            with pytest.raises(openai.NotFoundError):
                request(name)
    assert ben.files.list().data == []
    assert (
        server.http.get(f"/v1/files/{file.id}").json()["owner"]
        == server.http.get("/v1/files").json()["data"][0]["owner"]
    )
    done = ann.uploads.complete(upload.id, part_ids=[part.id])
    assert done.file is not None and ann.files.content(file.id).read() == b"ann's"


def test_each_route_needs_its_scope(key: Maker) -> None:
    reader, writer = key(scopes=["files:read"]), key(scopes=["files:write"])
    file = writer.files.create(file=b"x", purpose="user_data")
    for call in (
        lambda: reader.files.create(file=b"x", purpose="user_data"),
        lambda: reader.files.delete(file.id),
        lambda: reader.uploads.create(bytes=1, filename="a", mime_type="", purpose="user_data"),
        lambda: reader.uploads.parts.create("upload_1", data=b"x"),
        lambda: reader.uploads.complete("upload_1", part_ids=["part_1"]),
        lambda: reader.uploads.cancel("upload_1"),
        lambda: writer.files.list(),
        lambda: writer.files.retrieve(file.id),
        lambda: writer.files.content(file.id),
    ):
        with pytest.raises(openai.PermissionDeniedError, match="lacks the scope"):
            call()
    restricted = key(models=["m"])
    assert restricted.files.list().data == []


def test_a_file_that_is_too_large_is_refused(server: Live, key: Maker) -> None:
    client = key()
    assert client.files.create(file=b"x" * LIMIT, purpose="user_data").bytes == LIMIT
    for size in (LIMIT + 1, 2 * LIMIT):
        with pytest.raises(openai.APIStatusError, match="MODELYARD_MAX_FILE_BYTES") as caught:
            client.files.create(file=b"x" * size, purpose="user_data")
        assert (caught.value.status_code, caught.value.code) == (413, "body_too_large")
    with pytest.raises(openai.APIStatusError, match="MODELYARD_MAX_FILE_BYTES"):
        client.uploads.create(bytes=LIMIT + 1, filename="a", mime_type="", purpose="user_data")
    for _ in range(2):
        client.files.create(file=b"x" * LIMIT, purpose="user_data")
    with pytest.raises(openai.APIStatusError, match="MODELYARD_FILE_QUOTA_BYTES") as caught:
        client.files.create(file=b"x" * LIMIT, purpose="user_data")
    assert (caught.value.status_code, caught.value.code) == (413, "file_quota_exceeded")
    assert len(client.files.list().data) == 3
    key().files.create(file=b"x" * LIMIT, purpose="user_data")


def test_lines_for_fine_tuning_are_checked(key: Maker) -> None:
    client = key()
    assert client.files.create(file=LINES, purpose="fine-tune").purpose == "fine-tune"
    with pytest.raises(openai.BadRequestError, match="Line 2 is not a dictionary"):
        client.files.create(file=b"{}\nno", purpose="fine-tune")


def part(name: str, value: bytes, filename: str | None = None) -> bytes:
    file = f'; filename="{filename}"' if filename is not None else ""
    return f'--b\r\ncontent-disposition: form-data; name="{name}"{file}\r\n\r\n'.encode() + value + b"\r\n"


PURPOSE = part("purpose", b"user_data")
FILE = part("file", b"x\r\n--c", "a")
END = b"--b--\r\n"
FORMS: list[tuple[bytes, str, str | None]] = [
    (PURPOSE + END, "invalid_parameter", "file"),
    (FILE + END, "invalid_parameter", "purpose"),
    (FILE + part("purpose", b"mine") + END, "invalid_parameter", "purpose"),
    (FILE + part("purpose", b"batch_output") + END, "invalid_parameter", "purpose"),
    (FILE + part("purpose", b"p" * 70_000) + END, "invalid_parameter", "purpose"),
    (PURPOSE + FILE + FILE + END, "invalid_parameter", "file"),
    (PURPOSE + part("file", b"no file") + END, "invalid_parameter", "file"),
    (PURPOSE + FILE, "malformed_body", None),
    (PURPOSE + FILE[:-4], "malformed_body", None),
    (b"nonsense", "malformed_body", None),
    (b"", "malformed_body", None),
    (PURPOSE + b"--b\r\nx: y\r\n\r\nz\r\n" + END, "malformed_body", None),
    (b"".join(part(f"f{number}", b"") for number in range(101)) + END, "malformed_body", None),
]


@pytest.mark.parametrize(("body", "code", "param"), FORMS)
def test_damaged_forms_are_refused_and_leave_nothing(server: Live, body: bytes, code: str, param: str | None) -> None:
    headers = {"content-type": "multipart/form-data; boundary=b"}
    before = sorted((server.home / "files").rglob("*"))
    answer = server.http.post("/v1/files", content=body, headers=headers)
    assert (answer.status_code, error_of(answer)["code"], error_of(answer)["param"]) == (400, code, param)
    assert sorted((server.home / "files").rglob("*")) == before


def test_fields_may_follow_the_file(server: Live) -> None:
    body = FILE + part("expires_after[seconds]", b"7200") + part("expires_after[anchor]", b"created_at")
    headers = {"content-type": "multipart/form-data; boundary=b"}
    answer = server.http.post("/v1/files", content=body + PURPOSE + END, headers=headers).json()
    assert (answer["bytes"], answer["filename"]) == (6, "a")
    assert answer["expires_at"] == answer["created_at"] + 7200
    assert server.http.delete(f"/v1/files/{answer['id']}").json()["deleted"] is True


def test_other_content_types_are_refused(server: Live) -> None:
    for kind in ("application/json", "text/plain", "application/x-www-form-urlencoded"):
        answer = server.http.post("/v1/files", content=b"{}", headers={"content-type": kind})
        assert (answer.status_code, error_of(answer)["code"]) == (415, "wrong_content_type")
    answer = server.http.post("/v1/files", content=b"x", headers={"content-type": "multipart/form-data"})
    assert error_of(answer)["code"] == "malformed_body" and "boundary" in answer.text


def test_a_client_that_leaves_in_the_middle_leaves_nothing(server: Live) -> None:
    url = httpx.URL(server.url)
    folder = server.home / "files"
    before = sorted(folder.rglob("*"))
    with socket.create_connection((url.host, url.port or 80)) as connection:
        head = (
            f"POST /v1/files HTTP/1.1\r\nhost: {url.host}\r\nauthorization: {server.http.headers['authorization']}\r\n"
        )
        kind = "content-type: multipart/form-data; boundary=b\r\ncontent-length: 2500000\r\n\r\n"
        connection.sendall((head + kind).encode() + PURPOSE + FILE[:-8] + b"y" * 2_000_000)
        while sorted(folder.rglob("*")) == before:
            server.http.get("/health")
    while sorted(folder.rglob("*")) != before:
        server.http.get("/health")


def test_a_part_of_a_file_can_be_asked_for(server: Live, key: Maker) -> None:
    client = key()
    file = client.files.create(file=b"0123456789", purpose="user_data")
    headers = {"authorization": f"Bearer {client.api_key}"}
    url = f"{server.url}/v1/files/{file.id}/content"
    assert httpx.get(url, headers={**headers, "range": "bytes=4-6"}).content == b"456"
    head = httpx.head(url, headers=headers)
    assert (head.headers["content-length"], head.content) == ("10", b"")
