"""Pages of documents on a real server: their images, and the boxes of chunks on them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from modelyard.client import Client
from modelyard.core.errors import PageNotFound
from tests.api.knowing import Base, ok
from tests.knowledge.documents.loaders import samples
from tests.knowledge.documents.loaders.samples import paragraph
from tests.live import Live, error_of, live

WORDS = ("aardvark", "badger", "civet")
PDF = samples.pdf(
    [
        [
            *paragraph(760, f"The first line of a page is about the {word},", f"and so is the second one: {word}."),
            *paragraph(500, f"Far below stands another paragraph of the {word}", "which ends with a short line."),
        ]
        for word in WORDS
    ]
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("pages") / "home") as running:
        yield running


@pytest.fixture(scope="module")
def base(server: Live) -> Base:
    base = Base.made(server, "pages", chunking={"size": 90, "overlap": 0})
    base.add({"animals.pdf": PDF, "a.md": b"# A title\n\nand some text", "broken.pdf": b"%PDF-1.4 nonsense"})
    return base


def images(server: Live) -> list[Path]:
    return [each for each in (server.home / "knowledge" / "pages").rglob("*") if each.is_file()]


def test_a_page_is_a_picture(server: Live, base: Base) -> None:
    path = f"{base.path}/documents/{base.document('animals.pdf')['id']}/pages"
    answer = server.http.get(f"{path}/2", params={"width": 600})
    assert answer.status_code == 200 and answer.headers["content-type"] == "image/png"
    picture = Image.open(io.BytesIO(answer.content))
    picture.load()
    assert (picture.format, picture.size[0]) == ("PNG", 600)
    dark = picture.convert("L").point(lambda value: 255 if value < 128 else 0).getbbox()
    assert dark is not None and abs(dark[0] - 72 * 600 / 595) < 3  # text begins 72 points from the left
    again = server.http.get(f"{path}/2", params={"width": 600})
    assert again.content == answer.content and again.headers["etag"] == answer.headers["etag"]
    unchanged = server.http.get(f"{path}/2", params={"width": 600}, headers={"if-none-match": again.headers["etag"]})
    assert unchanged.status_code == 304 and not unchanged.content
    sizes = [
        Image.open(io.BytesIO(server.http.get(f"{path}/1", params=each).content)).size
        for each in ({"scale": "1"}, {"scale": "8"}, {})
    ]
    assert sizes[0] == (595, 842) and max(sizes[1]) == 4096 and sizes[2] == (893, 1263)


def test_what_has_no_such_page(server: Live, base: Base) -> None:
    number = base.document("animals.pdf")["id"]
    beyond = server.http.get(f"{base.path}/documents/{number}/pages/4")
    assert (beyond.status_code, error_of(beyond)["code"]) == (404, "page_not_found")
    assert error_of(beyond)["message"] == "'animals.pdf' has 3 pages, and no page 4."
    text = server.http.get(f"{base.path}/documents/{base.document('a.md')['id']}/pages/1")
    assert text.status_code == 404 and "only PDF documents have page images" in error_of(text)["message"]
    [chunk] = base.chunks("a.md")
    assert server.http.get(f"{base.path}/chunks/{chunk['id']}/boxes").status_code == 404
    broken = server.http.get(f"{base.path}/documents/{base.document('broken.pdf')['id']}/pages/1")
    assert (broken.status_code, error_of(broken)["code"]) == (400, "document_unreadable")
    assert server.http.get(f"{base.path}/documents/{number}/pages/0").status_code == 400
    assert server.http.get(f"{base.path}/documents/{number}/pages/1", params={"width": 5000}).status_code == 400
    assert server.http.get(f"{base.path}/documents/999999/pages/1").status_code == 404
    assert server.http.get(f"{base.path}/chunks/999999/boxes").status_code == 404


def test_boxes_of_every_chunk(server: Live, base: Base) -> None:
    with Client(server.url) as client:
        document = base.document("animals.pdf")["id"]
        seen = set()
        for chunk in base.chunks("animals.pdf"):
            found = client.documents.chunk_boxes("pages", chunk["id"])
            assert (found["document_id"], found["document"]) == (document, "animals.pdf")
            for page in found["pages"]:
                assert page["exact"] and (page["width"], page["height"]) == (595, 842)
                seen |= {(page["page"], round(each["top"])) for each in page["rectangles"]}
            first = found["pages"][0]["page"]
            assert first == chunk["page"] and (WORDS[first - 1] in chunk["text"] or "short line" in chunk["text"])
        tops = {round(842 - y - 12 * 0.94) for y in (760, 744, 500, 484)}
        assert {page for page, _ in seen} == {1, 2, 3}
        for side in (1, 2, 3):
            assert all(any(abs(top - at) <= 2 for number, at in seen if number == side) for top in tops), (side, seen)
        with pytest.raises(PageNotFound):
            client.documents.page_image("pages", document, 9)
        assert client.documents.page_image("pages", document, 1, width=100).startswith(b"\x89PNG")


def test_chunks_that_people_changed(server: Live, base: Base) -> None:
    document = base.document("animals.pdf")["id"]
    added = ok(server.http.post(f"{base.path}/documents/{document}/chunks", json={"text": "written by hand"}))
    assert ok(server.http.get(f"{base.path}/chunks/{added['id']}/boxes"))["pages"] == []
    chunk = base.chunks("animals.pdf")[0]
    before = ok(server.http.get(f"{base.path}/chunks/{chunk['id']}/boxes"))["pages"]
    edited = ok(server.http.patch(f"{base.path}/chunks/{chunk['id']}", json={"text": "other words"}))
    assert ok(server.http.get(f"{base.path}/chunks/{edited['id']}/boxes"))["pages"] == before


def test_pages_of_a_deleted_document_are_deleted(server: Live) -> None:
    base = Base.made(server, "brief")
    before = len(images(server))
    base.add({"other.pdf": samples.pdf([paragraph(700, "a page that does not stay")])})
    number = base.document("other.pdf")["id"]
    assert server.http.get(f"{base.path}/documents/{number}/pages/1").status_code == 200
    assert len(images(server)) == before + 1
    ok(server.http.delete(f"{base.path}/documents/{number}"))
    assert len(images(server)) == before
