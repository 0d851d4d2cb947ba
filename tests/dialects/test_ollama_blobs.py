"""Files that clients of Ollama upload: their digests and limits, the folders of models, and what is removed."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from modelyard.core.errors import BadRequest, BodyTooLarge, InvalidParameter, ModelyardError, NotEnoughDisk
from modelyard.dialects.ollama import blobs
from modelyard.dialects.ollama.blobs import SPARE, UNUSED_SECONDS, WeightBlobs

DATA = b"0123456789"


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@pytest.fixture
def store(tmp_path: Path) -> WeightBlobs:
    return WeightBlobs(tmp_path, most=10)


async def parts(*data: bytes) -> AsyncIterator[bytes]:
    for each in data:
        yield each


def receive(store: WeightBlobs, *data: bytes, name: str | None = None, expected: int = 0) -> None:
    asyncio.run(store.receive(name or digest(b"".join(data)), parts(*data), expected))


def left(store: WeightBlobs) -> list[str]:
    folder = store.path(digest(b"")).parent
    return sorted(os.listdir(folder)) if folder.exists() else []


@pytest.mark.parametrize("separator", [":", "-"])
def test_a_blob_is_named_by_its_digest(store: WeightBlobs, separator: str, tmp_path: Path) -> None:
    value = digest(DATA).removeprefix("sha256:")
    assert store.path(f"sha256{separator}{value}") == tmp_path / "blobs" / f"sha256-{value}"


@pytest.mark.parametrize(
    "name",
    ["", "sha256", "sha256:" + "0" * 63, "sha256:" + "0" * 65, "sha256:" + "A" * 64, "sha1:" + "0" * 64,
     "sha256:" + "0" * 61 + "/..", "0" * 64],
)  # fmt: skip
def test_what_is_no_digest_is_refused(store: WeightBlobs, name: str) -> None:
    with pytest.raises(InvalidParameter) as error:
        store.path(name)
    assert error.value.param == "digest"


@pytest.mark.parametrize("block", [1, 4, 100])
def test_a_blob_is_stored_whole(store: WeightBlobs, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(blobs, "BLOCK", block)
    receive(store, b"012", b"345678", b"9", expected=10)
    assert store.path(digest(DATA)).read_bytes() == DATA and len(left(store)) == 1
    assert store.path(digest(DATA)).parent.stat().st_mode & 0o777 == 0o700
    receive(store, b"")
    assert len(left(store)) == 2


@pytest.mark.parametrize("block", [4, 100])
@pytest.mark.parametrize(
    ("data", "expected", "name", "kind"),
    [
        ((DATA, b"x"), 0, None, BodyTooLarge),
        ((DATA,), 11, None, BodyTooLarge),
        ((DATA,), 0, digest(b"other"), BadRequest),
        ((), 0, digest(b"other"), BadRequest),
    ],
)
def test_nothing_is_left_of_a_blob_that_is_refused(
    store: WeightBlobs,
    monkeypatch: pytest.MonkeyPatch,
    block: int,
    data: tuple[bytes, ...],
    expected: int,
    name: str | None,
    kind: type[ModelyardError],
) -> None:
    monkeypatch.setattr(blobs, "BLOCK", block)
    with pytest.raises(kind):
        receive(store, *data, name=name, expected=expected)
    assert left(store) == []


def test_an_upload_that_breaks_off_leaves_nothing(store: WeightBlobs) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"01"
        raise ConnectionError

    with pytest.raises(ConnectionError):
        asyncio.run(store.receive(digest(DATA), broken(), 0))
    assert left(store) == []


@pytest.mark.parametrize(("more", "expected", "fits"), [(10, 10, True), (9, 10, False), (10, 0, True), (9, 0, False)])
def test_some_of_the_disk_stays_free(
    store: WeightBlobs, monkeypatch: pytest.MonkeyPatch, more: int, expected: int, fits: bool
) -> None:
    class Usage:
        free = SPARE + more

    assert SPARE == 64 * 1024 * 1024
    monkeypatch.setattr(blobs.shutil, "disk_usage", lambda path: Usage)  # type: ignore[attr-defined]
    if fits:
        receive(store, DATA, expected=expected)
        return
    with pytest.raises(NotEnoughDisk):
        receive(store, DATA, expected=expected)
    assert left(store) == []


def test_the_files_of_a_model_are_links_to_its_blobs(store: WeightBlobs) -> None:
    receive(store, DATA)
    files = {"m.gguf": digest(DATA), "deep/er/m.json": digest(DATA).replace(":", "-")}
    first, second = (store.folder_with("mine", files, "files") for _ in range(2))
    assert first != second and first.parent == store.created and first.name.startswith("mine-")
    assert all((folder / name).samefile(store.path(digest(DATA))) for folder in (first, second) for name in files)
    assert store.created.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("name", ["/etc/x", "../x", "a/../x", "", ".", "a\\b", "a\0b", "..", "a/.."])
def test_a_name_that_leads_out_of_the_folder_is_refused(store: WeightBlobs, name: str) -> None:
    receive(store, DATA)
    with pytest.raises(InvalidParameter) as error:
        store.folder_with("mine", {"good.gguf": digest(DATA), name: digest(DATA)}, "adapters")
    assert error.value.param == "adapters"
    assert os.listdir(store.created) == [], "nothing is left of the folder"


def test_a_blob_that_was_not_sent_is_named(store: WeightBlobs) -> None:
    with pytest.raises(InvalidParameter, match=f"send it to /api/blobs/{digest(DATA)} first"):
        store.folder_with("mine", {"m.gguf": digest(DATA)}, "files")


def test_old_blobs_and_folders_that_nothing_uses_are_removed(store: WeightBlobs) -> None:
    store.sweep([])  # where there are none
    kept, old, new = b"kept", b"old", b"new"
    for data in (kept, old, new):
        receive(store, data)
    used, unused = (store.folder_with("m", {"m.gguf": digest(kept)}, "files") for _ in range(2))
    assert UNUSED_SECONDS == 86400
    for data, age in ((kept, UNUSED_SECONDS + 60), (old, UNUSED_SECONDS + 60), (new, UNUSED_SECONDS - 60)):
        os.utime(store.path(digest(data)), (0, time.time() - age))
    store.sweep([used])
    assert used.exists() and not unused.exists()
    assert [store.path(digest(data)).exists() for data in (kept, old, new)] == [True, False, True]
    store.sweep([])
    assert not used.exists() and not store.path(digest(kept)).exists()
