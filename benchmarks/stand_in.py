"""An embedding model that reads English and Chinese, in place of those that cannot run here: its vectors come from the judgments.

Each question has a direction of its own, which a text that answers it shares, and the parts of a document share another; noise is
added to every vector. It says how a search uses a good model, not how good a model is.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from modelyard.knowledge.indexing.probes import reading_test
from modelyard.knowledge.search.judgments import fold

WIDTH = 256
NOISE = 0.9
"""Length of the noise, where the direction of a question has length 1."""
TOPIC = 0.7
"""Length of the direction of a document, which its parts share."""
BEGINNING = 15
"""Characters at the beginning of a text by which its document is known."""

Vector = NDArray[np.float64]


def direction(name: str) -> Vector:
    """A vector of length 1 that depends on a name alone."""
    vector = np.random.default_rng(crc32(name.encode())).normal(size=WIDTH)
    return np.asarray(vector / np.linalg.norm(vector))


class StandIn:
    """Vectors of texts."""

    def __init__(self, answers: Mapping[str, Sequence[str]], documents: Mapping[str, str]) -> None:
        """`answers` maps a question to the texts that answer it, or to parts of them; `documents` a name to a whole text."""
        self._documents = {name: fold(text) for name, text in documents.items()}
        pairs = {item.question: [item.passage] for item in reading_test()}
        self._answers = {question: [fold(part) for part in parts] for question, parts in {**answers, **pairs}.items()}

    def vector(self, text: str) -> list[float]:
        """The vector of a question or of a text."""
        total = NOISE * direction(f"noise {text}")
        if text in self._answers:
            total += direction(text)
        else:
            folded = fold(text)
            for question, parts in self._answers.items():
                if any(part in folded for part in parts):
                    total += direction(question)
            for name, whole in self._documents.items():
                if folded[:BEGINNING] in whole:
                    total += TOPIC * direction(name)
        return [float(value) for value in total]


@contextlib.contextmanager
def served(model: StandIn) -> Iterator[str]:
    """An OpenAI-compatible server of a stand-in, by its base URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
            data = [
                {"object": "embedding", "index": at, "embedding": model.vector(text)} for at, text in enumerate(texts)
            ]
            usage = {"prompt_tokens": len(texts), "total_tokens": len(texts)}
            answer = json.dumps({"object": "list", "model": body["model"], "data": data, "usage": usage}).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()
