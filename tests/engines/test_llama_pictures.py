"""A llama.cpp replica with a projector: pictures as data and by address, and the addresses that it does not fetch."""

from __future__ import annotations

import base64
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import make_gguf
from tests.engines.test_llama_cpp import CHAT, TOKEN, Replica, launch
from tests.knowledge.web_server import Reply, Web, web
from tests.vision_models import png

FILE = png(40, 30, 1)
DATA = "data:image/png;base64," + base64.b64encode(FILE).decode()


@pytest.fixture(scope="module")
def host() -> Iterator[Web]:
    with web() as made:
        made.pages |= {
            "/a.png": Reply(FILE, "image/png"),
            "/secret": Reply("internal secret"),
            "/redir": Reply(status=302, headers={"Location": f"http://[::ffff:127.0.0.1]:{made.port}/a.png"}),
        }
        yield made


@pytest.fixture(scope="module")
def seeing(tmp_path_factory: pytest.TempPathFactory, host: Web) -> Iterator[Replica]:
    """May fetch from `127.0.0.1`, under that name only, and from public hosts."""
    folder = tmp_path_factory.mktemp("seeing")
    model = make_gguf.chat_model(folder / "m.gguf")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("REPLICA_FETCH_HOSTS", f"*,127.0.0.1:{host.port}")
        replica = Replica(folder, launch(model, mmproj=str(make_gguf.projector(folder / "mmproj.gguf"))))
    yield replica
    assert replica.stop() == 0


def request(url: str, **more: Any) -> dict[str, Any]:
    content = [{"type": "text", "text": "hi"}, {"type": "image_url", "image_url": {"url": url}}]
    return {"messages": [{"role": "user", "content": content}], "max_tokens": 4, "temperature": 0, **more}


def test_a_picture_by_address_is_the_same_as_its_data(seeing: Replica, host: Web) -> None:
    by_data = seeing.json(CHAT, **request(DATA))
    by_address = seeing.json(CHAT, **request(f"{host.url}/a.png"))
    for answer in (by_data, by_address):
        assert answer["usage"]["prompt_tokens"] > 25
    assert by_data["choices"][0]["message"] == by_address["choices"][0]["message"]
    assert "data: [DONE]" in seeing.post(CHAT, **request(f"{host.url}/a.png", stream=True)).text
    assert [each.path for each in host.requests] == ["/a.png"] * 2
    assert host.requests[0].headers["user-agent"].endswith("modelyard)"), "our fetcher, not llama.cpp's"


def test_private_addresses_are_not_visited(seeing: Replica, host: Web) -> None:
    before = len(host.requests)
    sentences = set()
    for url in (
        f"http://localhost:{host.port}/a.png", f"http://[::ffff:127.0.0.1]:{host.port}/a.png", f"http://127.1:{host.port}/",
        "http://127.0.0.2:1/closed", "http://169.254.169.254/latest/", "http://[::1]/", "file:///etc/passwd", "/etc/passwd",
        "https://u:p@127.0.0.1/",
    ):  # fmt: skip
        for more in ({}, {"stream": True}):
            answer = seeing.post(CHAT, **request(url, **more))
            assert answer.status_code == 400 and answer.json()["error"]["param"] == "messages", answer.text
            sentences.add(answer.json()["error"]["message"])
    assert len(host.requests) == before and not any("refused" in each or "Errno" in each for each in sentences)
    for url in (f"{host.url}/redir", f"{host.url}/secret", f"{host.url}/none"):
        answer = seeing.post(CHAT, **request(url))
        assert answer.status_code == 400 and "internal" not in answer.text
        problem = f"The address '{url}' could not be fetched: it must be"
        assert answer.json()["error"]["message"].startswith(f"Parameter 'messages': {problem}")
    assert len(host.requests) == before + 3, "what they redirect to is checked too"


def test_other_paths_and_what_is_no_json(seeing: Replica, host: Web) -> None:
    before = len(host.requests)
    for path in ("/v1/responses", "/v1/messages", "/apply-template", "/v1/completions"):
        answer = seeing.post(path, **request(f"http://localhost:{host.port}/a.png"))
        assert answer.status_code == 400, (path, answer.text)
    body = json.dumps({"model": "m", **request(f"http://localhost:{host.port}/a.png")})[:-1] + ',"x":1e999}'
    headers = {"content-type": "application/json"}
    assert seeing.http.post(CHAT, content=body, headers=headers).status_code == 400
    assert len(host.requests) == before


def test_without_a_projector_nothing_is_fetched(tmp_path: Path, host: Web) -> None:
    before = len(host.requests)
    replica = Replica(tmp_path, launch(make_gguf.chat_model(tmp_path / "m.gguf")))
    for url in (f"{host.url}/a.png", DATA):
        answer = replica.post(CHAT, **request(url))
        assert answer.status_code == 400 and "no projector" in answer.json()["error"]["message"]
    assert replica.stop() == 0 and len(host.requests) == before


def test_a_client_that_leaves_ends_the_fetch(tmp_path: Path) -> None:
    """Its connection ends, and with it the one to the host of the picture, which never answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.MonkeyPatch.context() as patched:
        place = f"127.0.0.1:{silent.getsockname()[1]}"
        patched.setenv("REPLICA_FETCH_HOSTS", place)
        model = make_gguf.chat_model(tmp_path / "m.gguf")
        replica = Replica(tmp_path, launch(model, mmproj=str(make_gguf.projector(tmp_path / "mmproj.gguf"))))
        body = json.dumps({"model": "m", **request(f"http://{place}/a.png")}).encode()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(replica.socket))
            head = f"POST {CHAT} HTTP/1.1\r\nHost: r\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: {len(body)}\r\n\r\n"
            client.sendall(head.encode() + body)
            fetching, _ = silent.accept()
        with fetching:
            fetching.settimeout(15)  # less than the 20 s after which the fetch would end by itself
            while fetching.recv(1 << 16):
                pass
        assert replica.stop() == 0
