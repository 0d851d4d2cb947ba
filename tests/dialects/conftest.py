"""One server for all tests of dialects: a fake model, the demo model, a model whose answers a test scripts, and a base."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.api.knowing import Base
from tests.client_environments import client_python
from tests.dialects.scripts import Json, ModelAnswer
from tests.knowledge.web_server import Reply, WebRequest, web
from tests.live import Live, live

FOLDER = Path(__file__).parent
HANDBOOK = (
    "# Leave\n\nEmployees have fifteen days of leave.\n\n# Pumps\n\nThe MX-2140 pump delivers 12 litres per minute.\n"
)
TOOL_TEMPLATE = (
    "{% for m in messages %}{{ m.role }}: {{ m.content }}{% for c in m.tool_calls %} {{ c.function.name }}{% endfor %}\n"
    "{% endfor %}{% for t in tools %}{{ t.function.name }}: {{ t.function.description }}\n{% endfor %}assistant:"
)
"""With it the demo model takes tools; it never calls one."""


@dataclass
class Upstream:
    """A server of chat completions elsewhere, whose model answers as a test says."""

    answer: Callable[[Json], ModelAnswer | Reply] = field(default=lambda body: ModelAnswer(text=["ok"]))
    bodies: list[Json] = field(default_factory=list)
    """The requests so far."""

    def reply(self, request: WebRequest) -> Reply:
        """Answer a request, as a stream if it asks for one."""
        body: Any = request.json
        self.bodies.append(body)
        found = self.answer(body)
        if isinstance(found, Reply):
            return found
        return Reply(found.stream(), "text/event-stream") if body.get("stream") else Reply.of(found.whole())


@dataclass(frozen=True)
class Served:
    """The server, and the model that a test scripts."""

    live: Live
    upstream: Upstream
    ollama_url: str
    """Its port for Ollama's clients."""


@pytest.fixture(scope="session")
def own_served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("dialects") / "home"
    upstream = Upstream()
    settings = {"MODELYARD_MODEL_ALIASES": "claude-*=script,gpt-5.5=script,gpt-6*=script", "MODELYARD_OLLAMA_PORT": "0"}
    with web() as elsewhere, live(home, settings) as running:
        elsewhere.pages["/v1/chat/completions"] = upstream.reply
        running.launched("script", model_engine="external", base_url=f"{elsewhere.url}/v1")
        running.launched("fake")
        running.launched("fragile")
        running.launched("demo", model_name="modelyard-demo", model_engine="llama.cpp")
        running.launched("small", model_name="modelyard-demo", model_engine="llama.cpp", chat_template=TOOL_TEMPLATE)
        running.launched("vectors", model_type="embedding", model_name="fake")
        running.launched("ranker", model_type="rerank", model_name="fake")
        Base.made(running, "handbook", chat_model="script").add({"handbook.md": HANDBOOK.encode()})
        port = re.search(r"listening for Ollama's clients on (\S+)", running.output())
        assert port is not None
        yield Served(running, upstream, port[1])


@pytest.fixture
def served(own_served: Served) -> Served:
    """The server, whose scripted model answers `ok` until the test says otherwise."""
    own_served.upstream.answer = lambda body: ModelAnswer(text=["ok"])
    own_served.upstream.bodies.clear()
    return own_served


def client_results(script: str, *arguments: str) -> Json:
    """What a script in the environment of the official clients prints: a line of JSON for each of its steps."""
    argv = [str(client_python("dialects")), str(FOLDER / script), *arguments]
    environment = {**os.environ, "PYTHONPATH": str(FOLDER.parents[1])}
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False, env=environment)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return {name: value for line in done.stdout.splitlines() for name, value in json.loads(line).items()}


@pytest.fixture(scope="session")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A server with keys."""
    with live(tmp_path_factory.mktemp("guarded") / "home") as running:
        running.launched("fake")
        running.launched("other")
        made = running.http.post("/v1/admin/keys", json={"name": "root"}).json()
        running.http.headers["authorization"] = f"Bearer {made['key']}"
        yield running


def key(server: Live, **body: Any) -> dict[str, str]:
    """Headers with a new key, as Anthropic's and Azure's clients send it."""
    answer = server.http.post("/v1/admin/keys", json={"name": "mine", **body})
    assert answer.status_code == 201, answer.text
    return {"x-api-key": answer.json()["key"], "authorization": ""}
