"""Knowledge bases: searches a second and their latency, ingestion, and searching while ingesting, over HTTP on a whole server.

Three parts, each alone with `--only`: `server`, where models take no time, as texts are embedded by the fake engine, 384 numbers
each; `model`, with all-MiniLM-L6-v2; `store`, the embedded store without a server. The figures of Langchain-Chatchat 0.3.1.3
were measured on a machine of this kind, with a fake embedder too.

The texts of `model` are sentences of `knowledge_set`. Made-up words would not do: a model's tokenizer cuts each into three or
four pieces, so that nearly every chunk is longer than the model reads, is refused by it and embedded in parts.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import msgspec
import numpy as np
import psutil
from tests.encoder_models import ENGINE, minilm

from benchmarks.cold import environment
from benchmarks.embedding import Bare
from benchmarks.load import Plan, Result, measure
from benchmarks.servers import MODEL, Running, environments, ours, python_of
from modelyard.knowledge.indexing.stores.embedded import EmbeddedStore
from modelyard.knowledge.types import IndexEntry

WIDTH = 384
CHUNKS_PER_DOCUMENT = 50
CHUNK = 480
"""Characters."""
CHATCHAT = "0.58/s, p95 18 s"
BATCH = 40
"""Documents of one upload."""
PROSE = (200, 320)
"""Characters of a chunk of real sentences: no two fit into one."""
BARE_TEXTS = 1000
"""Chunks that the bare library embeds."""
MOST_QUERIES = 500
"""More than a server answers in a second, so that none comes again."""
POLL = 0.2
"""Seconds between two looks at a job. At 0.05, the server spent a tenth of a core on telling that a job runs."""


class Row(msgspec.Struct, kw_only=True):
    """One figure."""

    what: str
    value: str
    goal: str = ""
    peer: str = ""


class Words:
    """Texts of words with the frequencies of a language, English and Chinese by turns. Seeded."""

    def __init__(self, seed: int = 1) -> None:
        self._random = random.Random(seed)
        letters = "abcdefghijklmnopqrstuvwxyz"
        self._words = ["".join(self._random.choices(letters, k=self._random.randint(3, 9))) for _ in range(20_000)]
        self._weights = np.cumsum(1 / np.arange(1, 20_001)).tolist()
        self._hanzi = [chr(0x4E00 + self._random.randrange(3000)) for _ in range(3000)]

    def english(self, count: int) -> str:
        """A sentence of that many words."""
        return " ".join(self._random.choices(self._words, cum_weights=self._weights, k=count)).capitalize() + "."

    def chinese(self, count: int) -> str:
        """A sentence of that many characters."""
        return "".join(self._random.choices(self._hanzi, k=count)) + "。"

    def chunk(self, number: int) -> str:
        """About a chunk of text, with a part number of its own."""
        text = f"Part QX-{number:07d}. "
        while len(text) < CHUNK - 60:
            text += self.chinese(30) if number % 4 == 0 else self.english(9) + " "
        return text.strip()

    def query(self) -> str:
        """A question of a few words."""
        return self.english(self._random.randint(3, 7)).rstrip(".")


class Prose:
    """Texts of English sentences that people wrote, put together anew. Seeded."""

    def __init__(self, seed: int = 1) -> None:
        self._random = random.Random(seed)
        lines = (Path(__file__).parent / "knowledge_set" / "passages.jsonl").read_text(encoding="utf-8").splitlines()
        passages = [each["text"] for each in map(msgspec.json.decode, lines) if each["language"] == "en"]
        sentences = [each for text in passages for each in re.split(r"(?<=[.!?]) ", text)]
        self._sentences = [each for each in sentences if len(each) < PROSE[1] - PROSE[0]]
        self._known: set[str] = set()

    def chunk(self, number: int) -> str:
        """A chunk of text with a number of its own."""
        text = f"Note {number}."
        while len(text) < PROSE[0]:
            text += " " + self._random.choice(self._sentences)
        return text

    def query(self) -> str:
        """A few words of a sentence, which were no query before."""
        while True:
            words = self._random.choice(self._sentences).rstrip(".").split()
            first = self._random.randrange(max(1, len(words) - 3))
            query = " ".join(words[first : first + self._random.randint(4, 9)])
            if query not in self._known:
                self._known.add(query)
                return query


def documents(chunks: int, words: Words | Prose) -> Iterator[tuple[str, bytes]]:
    """Documents that are cut into that many chunks, or nearly."""
    for first in range(0, chunks, CHUNKS_PER_DOCUMENT):
        parts = [words.chunk(first + number) for number in range(CHUNKS_PER_DOCUMENT)]
        yield f"folder/{first:07d}.txt", "\n\n".join(parts).encode()


def fill(http: httpx.Client, base: str, files: list[tuple[str, bytes]]) -> tuple[float, int]:
    """Upload documents and wait for the last job; seconds and chunks."""
    began = time.perf_counter()
    jobs = []
    for first in range(0, len(files), BATCH):
        sent = [("files", each) for each in files[first : first + BATCH]]
        answer = http.post(f"/v1/knowledge_bases/{base}/documents", files=sent, timeout=600)
        answer.raise_for_status()
        jobs.append(answer.json()["job"])
    chunks = 0
    for job in jobs:
        while (view := http.get(f"/v1/knowledge_bases/{base}/jobs/{job}").json())["state"] == "running":
            time.sleep(POLL)
        assert view["failed"] == 0, view
        chunks += view["chunks"]
    return time.perf_counter() - began, chunks


def kb_add_twice(running: Running, http: httpx.Client, files: list[tuple[str, bytes]]) -> Row:
    """`modelyard kb add` of a folder, and of the same folder again: the whole commands, their own start included."""
    create(http, "added", MODEL)
    with tempfile.TemporaryDirectory() as folder:
        for name, data in files:
            path = Path(folder, "docs", name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        seconds = []
        for _ in range(2):
            began = time.perf_counter()
            argv = [sys.executable, "-m", "modelyard", "kb", "add", "added", str(Path(folder, "docs"))]
            env = {**environment(), "MODELYARD_ENDPOINT": running.url, "XDG_CACHE_HOME": folder}
            subprocess.run(argv, env=env, check=True, capture_output=True)
            seconds.append(time.perf_counter() - began)
    http.delete("/v1/knowledge_bases/added").raise_for_status()
    first, again = seconds
    return Row(
        what=f"`kb add` of {len(files):,} unchanged files, once more",
        value=f"{first / again:.0f} × as fast ({first:.1f} s, {again:.2f} s)",
        goal="≥ 50 ×",
    )


def create(http: httpx.Client, base: str, model: str | None, size: int = CHUNK) -> None:
    """A base for chunks of `size` characters."""
    body: dict[str, Any] = {"name": base, "chunking": {"size": size, "overlap": 0}}
    http.post("/v1/knowledge_bases", json={**body, **({"embedding_model": model} if model else {})}).raise_for_status()


def search(running: Running, base: str, clients: int, seconds: float, mode: str, queries: int = 200) -> Result:
    """Load the search route. Where the queries are few they come again, as users' do, and their vectors are then remembered."""
    words = Words(queries)
    bodies = [{"query": words.query(), "top_k": 5, "mode": mode} for _ in range(queries)]
    return loaded(running, f"/v1/knowledge_bases/{base}/search", bodies, clients, seconds)


def loaded(running: Running, path: str, bodies: list[dict[str, Any]], clients: int, seconds: float) -> Result:
    """Load a route, after a second with the last bodies."""
    plan = Plan(body={}, bodies=bodies, path=path, streams=clients, requests=0, seconds=seconds, **running.address)
    measure(msgspec.structs.replace(plan, bodies=bodies[::-1], seconds=1.0))
    return measure(plan)


def latency(running: Running, base: str, seconds: float, words: Words | Prose) -> Result:
    """One client that searches with pauses, from a process of its own."""
    bodies = [{"query": words.query()} for _ in range(int(seconds * 50))]
    path = f"/v1/knowledge_bases/{base}/search"
    found = measure(Plan(body={}, bodies=bodies, path=path, requests=0, seconds=seconds, pause=0.02, **running.address))
    assert not found.errors, found.problems
    return found


def milliseconds(seconds: float) -> str:
    """For a table."""
    return f"{1000 * seconds:.1f} ms"


def against(during: Result, idle: Result) -> str:
    """For a table: p50 and p95 of two runs."""
    return " against ".join(
        f"{milliseconds(run.latency_p50)} ({milliseconds(run.latency_p95)})" for run in (during, idle)
    )


def over_http(quick: bool) -> Iterator[Row]:
    """Everything that a whole server does."""
    launch = {"model_type": "embedding", "model_engine": "fake", "model_name": MODEL, "dimensions": WIDTH}
    with ours(launch) as running, httpx.Client(base_url=running.url, timeout=600) as http:
        words = Words()
        small = list(documents(5000, words))
        create(http, "small", MODEL)
        took, chunks = fill(http, "small", small)
        yield Row(
            what=f"ingestion of {chunks:,} chunks with vectors of the fake engine", value=f"{chunks / took:,.0f}/s"
        )
        again, _ = fill(http, "small", small)
        yield Row(what="the same bytes sent once more", value=f"{took / again:.0f} × as fast")
        yield kb_add_twice(running, http, list(documents(5000 if quick else 50_000, words)))
        for mode in ("lexical", "vector", "hybrid"):
            found = search(running, "small", 8, 3.0 if quick else 8.0, mode)
            yield Row(
                what=f"search of {chunks:,} chunks, {mode}, 8 clients",
                value=f"{found.requests_per_second:.0f}/s, p95 {milliseconds(found.latency_p95)}, {found.errors} errors",
                goal="≥ 300/s, p95 ≤ 40 ms" if mode == "hybrid" else "",
                peer=CHATCHAT if mode == "hybrid" else "",
            )
        found = search(running, "small", 8, 3.0 if quick else 8.0, "hybrid", 10_000)
        yield Row(
            what=f"the same, hybrid, no query twice: the model is asked each time, {found.errors} errors",
            value=f"{found.requests_per_second:.0f}/s, p95 {milliseconds(found.latency_p95)}",
        )
        yield from while_ingesting(running, http, quick, words)


def while_ingesting(running: Running, http: httpx.Client, quick: bool, words: Words) -> Iterator[Row]:
    """A base of words alone that grows, and searches of another one meanwhile."""
    count = 10_000 if quick else 100_000
    seconds = 5.0 if quick else 30.0
    idle = latency(running, "small", seconds, Words(6))
    create(http, "large", MODEL)
    files = list(documents(count, words))
    with ThreadPoolExecutor(1) as pool:
        filling = pool.submit(fill, http, "large", files)
        during = latency(running, "small", seconds, Words(7))
        assert not filling.done(), "it was ingested before the searches ended"
        took, chunks = filling.result()
    yield Row(what="search p50 (p95) while ingesting, against idle", value=against(during, idle), goal="≤ 2 ×")
    yield Row(what=f"ingestion of {chunks:,} chunks while searched", value=f"{chunks / took:,.0f}/s")
    create(http, "words", None)
    took, chunks = fill(http, "words", files[: len(files) // 4])
    yield Row(what=f"ingestion of {chunks:,} chunks without vectors", value=f"{chunks / took:,.0f}/s", goal="≥ 2,000/s")
    found = search(running, "large", 1, 3.0 if quick else 8.0, "hybrid")
    yield Row(
        what=f"search of {count:,} chunks, hybrid, 1 client",
        value=f"p50 {milliseconds(found.latency_p50)}, p95 {milliseconds(found.latency_p95)}",
        goal="p95 ≤ 60 ms, exact",
    )
    memory = psutil.Process(running.pid).memory_info().rss / 2**20
    yield Row(what=f"memory of the server with {count + 5000:,} vectors", value=f"{memory:,.0f} MB")


def with_model(quick: bool) -> Iterator[Row]:
    """Indexing and searching with a real model, beside the model alone."""
    launch = {"model_type": "embedding", "model_path": str(minilm()), "model_engine": ENGINE}
    folder, prose = environments(), Prose(5)
    count, seconds = (1000, 4.0) if quick else (5000, 15.0)
    with ours(launch, folder) as running, httpx.Client(base_url=running.url, timeout=600) as http:
        create(http, "real", MODEL, PROSE[1])
        files = list(documents(count, prose))
        texts = [text for _, data in files for text in data.decode().split("\n\n")]
        with contextlib.closing(Bare(python_of(ENGINE, folder), minilm(), "cpu")) as bare:
            bare.seconds(texts[:64])
            alone = BARE_TEXTS / bare.seconds(texts[:BARE_TEXTS])
        took, chunks = fill(http, "real", files)
        assert chunks == count, chunks
        length = sum(map(len, texts)) // count
        yield Row(
            what=f"indexing of {chunks:,} chunks of {length} characters with all-MiniLM-L6-v2, against the bare library",
            value=f"{chunks / took:.0f}/s against {alone:.0f}/s",
        )
        sent = int(MOST_QUERIES * (seconds + 1))
        queries = [prose.query() for _ in range(2 * sent)]
        bodies: list[dict[str, Any]] = [{"model": MODEL, "input": each} for each in queries[:sent]]
        model = loaded(running, "/v1/embeddings", bodies, 8, seconds)
        bodies = [{"query": each, "top_k": 5, "mode": "hybrid"} for each in queries[sent:]]
        found = loaded(running, "/v1/knowledge_bases/real/search", bodies, 8, seconds)
        yield Row(
            what=f"hybrid search of {chunks:,} chunks with it, 8 clients, no query twice, against `/v1/embeddings` of as many",
            value=" against ".join(
                f"{each.requests_per_second:.0f}/s, p95 {milliseconds(each.latency_p95)}, {each.errors} errors"
                for each in (found, model)
            ),
        )
        yield while_embedding(running, http, prose, seconds)


def while_embedding(running: Running, http: httpx.Client, prose: Prose, seconds: float) -> Row:
    """Searches of one base while the model is busy with the passages of another one, on the same cores."""
    idle = latency(running, "real", seconds, prose)
    create(http, "large", MODEL, PROSE[1])
    sent = [("files", each) for each in documents(10_000, Prose(6))]
    job = http.post("/v1/knowledge_bases/large/documents", files=sent).raise_for_status().json()["job"]
    during = latency(running, "real", seconds, prose)
    state = http.get(f"/v1/knowledge_bases/large/jobs/{job}").raise_for_status().json()["state"]
    assert state == "running", "it was ingested before the searches ended"
    http.delete("/v1/knowledge_bases/large").raise_for_status()
    return Row(
        what="search p50 (p95) while all-MiniLM-L6-v2 embeds passages on the same cores, against idle",
        value=against(during, idle),
    )


def million(quick: bool) -> Iterator[Row]:
    """The embedded store alone."""
    count = 100_000 if quick else 1_000_000
    words, made = Words(4), np.random.default_rng(4)
    with tempfile.TemporaryDirectory() as folder:
        store = EmbeddedStore(Path(folder), WIDTH)
        began = time.perf_counter()
        for first in range(0, count, 5000):
            rows = made.standard_normal((5000, WIDTH), np.float32)
            rows /= np.linalg.norm(rows, axis=1, keepdims=True)
            texts = [words.english(20) for _ in range(5000)]
            store.apply(
                [IndexEntry(first + n, first // 50, texts[n], rows[n]) for n in range(5000)],
                [],
            )
        yield Row(what=f"store of {count:,} chunks, filled", value=f"{count / (time.perf_counter() - began):,.0f}/s")
        queries = made.standard_normal((20, WIDTH), np.float32)
        store.nearest(queries[0], 10)
        began = time.perf_counter()
        for query in queries:
            store.nearest(query / np.linalg.norm(query), 10)
        yield Row(what="nearest, exact", value=milliseconds((time.perf_counter() - began) / len(queries)))
        began = time.perf_counter()
        for _ in range(20):
            store.lexical(words.query(), 10)
        yield Row(what="lexical", value=milliseconds((time.perf_counter() - began) / 20))
        rss = psutil.Process().memory_info().rss / 2**30
        yield Row(what="memory, files of vectors included", value=f"{rss:.1f} GB", goal="≤ 4 GB")
        store.close()


PARTS = {"server": over_http, "model": with_model, "store": million}


def measure_all(quick: bool, parts: Sequence[str] = tuple(PARTS)) -> list[Row]:
    """Every row of these parts, shown as it comes."""
    rows = []
    for name in parts:
        for each in PARTS[name](quick):
            rows.append(each)
            print(f"{each.what}: {each.value}", file=sys.stderr, flush=True)
    return rows


def table(rows: list[Row]) -> str:
    """Markdown."""
    lines = ["| | measured | goal | Langchain-Chatchat 0.3.1.3 |", "|---|--:|--:|--:|"]
    return "\n".join(lines + [f"| {each.what} | {each.value} | {each.goal} | {each.peer} |" for each in rows])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller bases, shorter runs")
    parser.add_argument("--only", choices=PARTS, help="this part alone")
    given = parser.parse_args()
    print(table(measure_all(given.quick, [given.only] if given.only else list(PARTS))))


if __name__ == "__main__":
    main()
