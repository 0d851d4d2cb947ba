"""Uploads of documents: how files are put into requests, what a request holds, and what becomes of files that are refused."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.client import Client
from modelyard.client.resources.documents import AWKWARD, BATCH_BYTES, BATCH_FILES, Document, batches, name_of
from modelyard.core import errors
from tests.client.stub import Stub, StubRequest, Write, error_answer, json_answer

UPLOAD = "POST /v1/knowledge_bases/b/documents"
INDEX = "POST /v1/knowledge_bases/b/documents/index"
MEGABYTE = 1_000_000
LARGE = b"x" * (26 * MEGABYTE)
"""Two of them are more than a request takes."""

NAMES = st.sampled_from(["a.txt", "b.md", 'quo"te.txt', "back\\slash.txt", "line\n.txt"])


@settings(max_examples=30)
@given(st.lists(st.tuples(NAMES, st.sampled_from([b"", b"x", LARGE])), max_size=50))
def test_no_batch_holds_more_than_a_request_takes(files: list[Document]) -> None:
    portions = list(batches(files))
    for portion in portions:
        assert 1 <= len(portion) <= BATCH_FILES
        sizes = [len(file[1]) for file in portion if isinstance(file, tuple) and isinstance(file[1], bytes)]
        assert sum(sizes) <= BATCH_BYTES or len(portion) == 1
        assert len(portion) == 1 or not any(AWKWARD.search(name_of(file)) for file in portion)
    sent = [file for portion in portions for file in portion]
    plain = [[file for file in each if not AWKWARD.search(name_of(file))] for each in (files, sent)]
    assert plain[0] == plain[1] and len(sent) == len(files)


def test_files_share_requests_as_far_as_they_fit(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    with whole.open("wb") as file:
        file.truncate(BATCH_BYTES)
    one: Document = ("1.txt", b"x")
    assert list(batches([one] * BATCH_FILES)) == [[one] * BATCH_FILES]
    assert list(batches([one] * (BATCH_FILES + 1))) == [[one] * BATCH_FILES, [one]]
    assert list(batches([whole, one])) == [[whole], [one]]
    assert list(batches([("0", b""), whole])) == [[("0", b""), whole]]
    assert list(batches([])) == []


def documents(request: StubRequest) -> dict[str, Any]:
    """What a server answers that takes every file of an upload."""
    names = [name.decode() for name in re.findall(rb'filename="(.*?)"', request.body)]
    return {"object": "list", "data": [{"name": name} for name in names], "job": "j" * len(names), "failed": {}}


def takes_all(request: StubRequest, write: Write) -> None:
    json_answer(documents(request))(request, write)


def refuses(code: str, status: int, name: bytes) -> Callable[[StubRequest, Write], None]:
    """A server that takes every file but those of this name."""

    def answer(request: StubRequest, write: Write) -> None:
        if name in request.body:
            error_answer(code, f"No {name.decode()}.", status)(request, write)
        else:
            takes_all(request, write)

    return answer


def test_a_request_says_how_files_are_read(stub: Stub, client: Client, tmp_path: Path) -> None:
    stub.routes[UPLOAD] = takes_all
    (tmp_path / "page.txt").write_text("text")
    files: list[Document] = [tmp_path / "page.txt", ("other.txt", tmp_path / "page.txt")]
    sent = client.documents.upload("b", files, {"年": 1}, {"size": 9}, modified_at=2, index=False)
    assert [each["name"] for each in sent["data"]] == ["page.txt", "other.txt"]
    fields = form_fields(stub.last().body)
    assert fields["index"] == "false" and fields["modified_at"] == "2.0" and "name" not in fields
    assert (json.loads(fields["metadata"]), json.loads(fields["chunking"])) == ({"年": 1}, {"size": 9})
    client.documents.upload("b", [("one.txt", b"1")])
    assert form_fields(stub.last().body) == {"index": "true", "name": "one.txt"}


def form_fields(body: bytes) -> dict[str, str]:
    """The fields of a form that are no files."""
    parts = [part.partition(b"\r\n\r\n") for part in body.split(b"--" + body[2 : body.index(b"\r\n")])]
    return {
        head.split(b'name="')[1].split(b'"')[0].decode(): value.removesuffix(b"\r\n").decode()
        for head, _, value in parts
        if b'name="' in head and b"filename" not in head
    }


def test_several_requests_are_indexed_as_one_job(stub: Stub, client: Client) -> None:
    stub.routes |= {UPLOAD: takes_all, INDEX: json_answer({"job": "whole"})}
    files: list[Document] = [(f"{number}.txt", b"x") for number in range(BATCH_FILES + 1)]
    sent = client.documents.upload("b", files)
    assert sent["job"] == "whole" and len(sent["data"]) == len(files)
    assert [form_fields(each.body)["index"] for each in stub.requests[:2]] == ["false", "false"]
    assert stub.last().body == {"names": [name_of(file) for file in files], "force": False}
    stub.requests.clear()
    assert client.documents.upload("b", files, index=False)["job"] == "j"
    assert [each.path for each in stub.requests] == ["/v1/knowledge_bases/b/documents"] * 2


@pytest.mark.parametrize(("code", "status"), [("body_too_large", 413), ("invalid_parameter", 400)])
def test_a_refused_file_among_others_is_listed_with_its_reason(
    stub: Stub, client: Client, code: str, status: int
) -> None:
    stub.routes |= {UPLOAD: refuses(code, status, b"bad"), INDEX: json_answer({"job": "whole"})}
    awkward = 'bad".txt'
    sent = client.documents.upload("b", [("good.txt", b"x"), (awkward, b"x")])
    assert [each["name"] for each in sent["data"]] == ["good.txt"] and sent["job"] == "whole"
    assert sent["failed"] == {awkward: "No bad."}


@pytest.mark.parametrize("files", [[("bad.txt", b"x")], [("bad.txt", b"x"), ("good.txt", b"x")]])
def test_a_refusal_of_a_whole_upload_is_raised(stub: Stub, client: Client, files: list[Document]) -> None:
    stub.routes[UPLOAD] = refuses("body_too_large", 413, b"bad")
    with pytest.raises(errors.BodyTooLarge):
        client.documents.upload("b", files)


def test_another_error_ends_an_upload(stub: Stub, client: Client) -> None:
    stub.routes[UPLOAD] = refuses("knowledge_base_not_found", 404, b"bad")
    with pytest.raises(errors.KnowledgeBaseNotFound):
        client.documents.upload("b", [('bad".txt', b"x"), ("good.txt", b"x")])


def test_a_path_that_cannot_be_read_is_refused_before_any_request(stub: Stub, client: Client, tmp_path: Path) -> None:
    for call in (
        lambda: client.documents.upload("b", [("good.txt", b"x"), tmp_path / "none.txt"]),
        lambda: client.documents.preview_file("b", tmp_path / "none.txt"),
        lambda: client.documents.preview_file("b", tmp_path),
    ):
        with pytest.raises(errors.InvalidParameter, match=r"files.*cannot be read"):
            call()
    assert stub.requests == []


def test_a_preview_of_a_file_sends_its_chunking(stub: Stub, client: Client) -> None:
    stub.routes["POST /v1/knowledge_bases/b/documents/preview"] = json_answer({"data": [{"text": "t"}]})
    assert client.documents.preview_file("b", ("x.txt", b"x"))[0]["text"] == "t"
    assert form_fields(stub.last().body) == {}
    client.documents.preview_file("b", ("x.txt", b"x"), {"size": 7})
    assert form_fields(stub.last().body) == {"chunking": '{"size": 7}'}
