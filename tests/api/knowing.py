"""What tests of knowledge bases ask of a real server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx

from tests.live import Live
from tests.processes import wait_for

Json = dict[str, Any]


def ok(answer: httpx.Response) -> Any:
    """The JSON of an answer that must be a good one."""
    assert answer.status_code == 200, f"{answer.status_code}: {answer.text[:2000]}"
    return answer.json()


class Base:
    """One knowledge base on a running server."""

    def __init__(self, http: httpx.Client, name: str) -> None:
        self.http = http
        self.name = name
        self.path = f"/v1/knowledge_bases/{quote(name, safe='')}"

    @classmethod
    def made(cls, server: Live, name: str, **body: Any) -> Base:
        """A new base. The server is asked for it by name afterwards, as people do."""
        assert ok(server.http.post("/v1/knowledge_bases", json={"name": name, **body}))["name"] == name
        return cls(server.http, name)

    def info(self) -> Json:
        found: Json = ok(self.http.get(self.path))
        return found

    def send(self, files: Mapping[str, bytes], **fields: Any) -> Json:
        """Upload; what the server answers at once."""
        parts = [("files", (name, data, "application/octet-stream")) for name, data in files.items()]
        answer: Json = ok(self.http.post(f"{self.path}/documents", files=parts, data=fields))
        return answer

    def add(self, files: Mapping[str, bytes], **fields: Any) -> Json:
        """Upload and wait; the job's last view."""
        return self.wait(self.send(files, **fields)["job"])

    def job(self, job: str) -> Json:
        found: Json = ok(self.http.get(f"{self.path}/jobs/{job}"))
        return found

    def wait(self, job: str) -> Json:
        """The last view of a job."""
        return wait_for(lambda: view if (view := self.job(job))["state"] != "running" else None, seconds=60)

    def reindex(self, **body: Any) -> str:
        started: str = ok(self.http.post(f"{self.path}/reindex", json=body))["job"]
        return started

    def search(self, query: str, **body: Any) -> Json:
        found: Json = ok(self.http.post(f"{self.path}/search", json={"query": query, **body}))
        return found

    def texts(self, query: str, **body: Any) -> list[str]:
        """Texts of the hits."""
        return [hit["text"] for hit in self.search(query, **body)["data"]]

    def documents(self, **asked: Any) -> list[Json]:
        found: list[Json] = ok(self.http.get(f"{self.path}/documents", params=asked))["data"]
        return found

    def document(self, name: str) -> Json:
        return self.documents(name=name)[0]

    def chunks(self, name: str) -> list[Json]:
        number = self.document(name)["id"]
        found: list[Json] = ok(self.http.get(f"{self.path}/documents/{number}/chunks", params={"limit": 10_000}))[
            "data"
        ]
        return found


def embedding(server: Live, uid: str, **body: Any) -> str:
    """An embedding model that runs; its uid."""
    server.launched(uid, model_type="embedding", **body)
    return uid


def paragraphs(count: int, word: str = "topic") -> str:
    """A document of as many paragraphs, none of which fits into a chunk with another at a size of 200 characters."""
    marks = [
        f"{chr(97 + number)}x" for number in range(count)
    ]  # letters only: a word with a digit is found by its parts
    return "\n\n".join(f"{word}{mark} " + f"filler{mark} words stand here. " * 5 for mark in marks)
