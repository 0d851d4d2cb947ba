"""SIGKILL while files arrive: what was acknowledged is there whole, nothing half is listed, and no bytes are left over."""

from __future__ import annotations

import hashlib
import random
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import openai
import pytest

from tests.live import Live

POINTS = 6
UPLOADERS = 3
LARGEST = 4_000_000
PARTS = 4


class Acknowledged:
    """What the server has acknowledged, over all of its lives."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.count = 0
        self.files: dict[str, str] = {}
        """Id → SHA-256."""
        self.deleted: set[str] = set()
        self.deleting: set[str] = set()
        """Files whose deletion was requested, whether or not it was acknowledged."""

    def note(self, name: str, digest: str | None) -> None:
        """A file that is stored, or deleted if it has no digest."""
        with self.changed:
            if digest is None:
                self.deleted.add(name)
            else:
                self.files[name] = digest
            self.count += 1
            self.changed.notify_all()

    def wait_for_more(self, number: int) -> None:
        with self.changed:
            before = self.count
            assert self.changed.wait_for(lambda: self.count >= before + number, 60)


class Uploader:
    """Sends files without a pause until the server is gone, and goes on where it was when told to run again."""

    def __init__(self, number: int, acknowledged: Acknowledged) -> None:
        self._random = random.Random(number)
        self._acknowledged = acknowledged
        self._upload: tuple[str, bytes] | None = None
        self._parts: list[str] = []

    def run(self, url: str) -> None:
        with openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0, timeout=30) as client:
            try:
                while True:
                    self._whole(client)
                    self._in_parts(client)
            except openai.APIConnectionError:
                return

    def _content(self) -> bytes:
        return self._random.randbytes(self._random.randrange(PARTS, LARGEST))

    def _whole(self, client: openai.OpenAI) -> None:
        content = self._content()
        file = client.files.create(file=("whole.bin", content), purpose="user_data")
        self._acknowledged.note(file.id, hashlib.sha256(content).hexdigest())
        if self._random.random() < 0.3:
            self._acknowledged.deleting.add(file.id)
            client.files.delete(file.id)
            self._acknowledged.note(file.id, None)

    def _in_parts(self, client: openai.OpenAI) -> None:
        """Begin an upload, or go on with the one that the last kill interrupted: acknowledged parts need not be sent again."""
        if self._upload is None:
            content = self._content()
            begun = client.uploads.create(bytes=len(content), filename="p.bin", mime_type="", purpose="user_data")
            self._upload, self._parts = (begun.id, content), []
        name, content = self._upload
        size = -(-len(content) // PARTS)
        while len(self._parts) < PARTS and len(self._parts) * size < len(content):
            start = len(self._parts) * size
            self._parts.append(client.uploads.parts.create(name, data=content[start : start + size]).id)
        done = client.uploads.complete(name, part_ids=self._parts, md5=hashlib.md5(content).hexdigest())
        self._upload = None
        if (
            done.file is not None
        ):  # else it was completed by the request that the kill interrupted, and deleted after the check
            self._acknowledged.note(done.file.id, hashlib.sha256(content).hexdigest())


class Uploads:
    """A server that is killed and started again, and its uploaders."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.moments = random.Random(8)
        self.acknowledged = Acknowledged()
        self.uploaders = [Uploader(number, self.acknowledged) for number in range(UPLOADERS)]
        self.server = Live(home)

    def kill(self, after: int) -> None:
        """Kill the server after so many acknowledgements, while other requests are under way; then start it again."""
        threads = [threading.Thread(target=each.run, args=(self.server.url,)) for each in self.uploaders]
        for each in threads:
            each.start()
        try:
            self.acknowledged.wait_for_more(after)
        finally:
            self.server.kill()
            self.server.http.close()
            for each in threads:
                each.join()
        self.server = Live(self.home)

    def stored(self) -> set[str]:
        """Names of everything in the folder of files."""
        return {path.name for path in (self.home / "files").rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def uploads(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Uploads]:
    made = Uploads(tmp_path_factory.mktemp("kill") / "home")
    yield made
    made.server.close()


@pytest.mark.parametrize("point", range(POINTS))
def test_sigkill_at_any_moment(uploads: Uploads, point: int) -> None:
    uploads.kill(after=uploads.moments.randint(1, 6))
    known = uploads.acknowledged
    with openai.OpenAI(base_url=f"{uploads.server.url}/v1", api_key="none", max_retries=0) as client:
        listed = {file.id: file for file in client.files.list()}
        assert set(known.files) - known.deleting <= set(listed), "what was acknowledged is there"
        assert not known.deleted & set(listed), "what was deleted is not"
        for name, file in listed.items():
            content = client.files.content(name).read()
            digest = hashlib.sha256(content).hexdigest()
            assert (len(content), digest) == (file.bytes, file.to_dict()["sha256"])
            assert known.files.get(name, digest) == digest
            client.files.delete(name)
            known.deleted.add(name)
        known.files.clear()
        left = uploads.stored()
        assert not {each for each in left if not each.startswith("part_")}, "no bytes are left over"
        assert len(left) <= UPLOADERS * (PARTS + 1), "parts wait for the uploads that they belong to, and no others"


def test_interrupted_uploads_end_with_nothing_left(uploads: Uploads) -> None:
    with openai.OpenAI(base_url=f"{uploads.server.url}/v1", api_key="none", max_retries=0) as client:
        for each in uploads.uploaders:
            if each._upload is not None:
                with suppress(openai.BadRequestError):  # completed by a request whose answer was lost
                    client.uploads.cancel(each._upload[0])
        for file in client.files.list():
            client.files.delete(file.id)
    assert uploads.stored() == set()
    assert uploads.server.stop() == 0
