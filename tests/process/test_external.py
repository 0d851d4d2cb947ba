"""Somebody else's server as an engine: another Modelyard, plain and behind TLS, with a key and a name of its own."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme

from tests.live import Live, error_of, events, live


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("upstream") / "home", {"OPENAI_API_KEY": ""}) as running:
        running.launched("theirs", tokens=5)
        yield running


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """The server that launches models of others."""
    with live(tmp_path_factory.mktemp("own") / "home") as running:
        yield running


def test_whole_and_streamed_under_another_name(upstream: Live, own: Live) -> None:
    own.launched("ours", model_engine="external", base_url=f"{upstream.url}/v1", upstream_model="theirs")
    assert own.chat("ours").json()["usage"]["completion_tokens"] == 5
    assert len(events(own.chat("ours", stream=True).text)) > 5
    (replica,) = own.replicas("ours")
    assert replica["status"] == "READY" and replica["pid"] is None
    assert own.http.delete("/v1/models/ours").json() is None


def test_what_breaks_off_over_there_is_an_error_event_here(upstream: Live, own: Live) -> None:
    upstream.launched("mortal", tokens=5)  # its own: the others' model shall not be restarting when they ask
    own.launched("breaks", model_engine="external", base_url=f"{upstream.url}/v1", upstream_model="mortal")
    broken = own.chat("breaks", fake={"crash_after": 2}, stream=True)
    assert events(broken.text)[-1]["error"]["code"] == "upstream_failed"


def test_a_server_that_does_not_answer_is_503_with_the_reason(own: Live) -> None:
    own.launched("gone", model_engine="external", base_url="http://127.0.0.1:9/v1")
    answer = own.chat("gone")
    assert answer.status_code == 503
    assert "cannot be reached" in error_of(answer)["message"]


WRONG_OPTIONS = [
    ({}, "base_url"),
    ({"base_url": "ftp://x"}, "base_url"),
    ({"base_url": "https://api.openai.com/v1", "api_key_env": "OPENAI_API_KEY"}, "OPENAI_API_KEY"),
]


@pytest.mark.parametrize(("options", "words"), WRONG_OPTIONS)
def test_launches_that_cannot_work(upstream: Live, options: dict[str, str], words: str) -> None:
    answer = upstream.http.post("/v1/models", json={"model_name": "x", "model_engine": "external", **options})
    assert answer.status_code == 400
    assert words in error_of(answer)["message"]


def make_certificate(folder: Path) -> ssl.SSLContext:
    """How a server proves that it is localhost, by an authority whose certificate is then in `cert.pem`."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "cert.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    return context


@contextmanager
def tls_in_front_of(server: Live, folder: Path, seen: list[bytes]) -> Iterator[int]:
    """A port that speaks TLS for localhost and relays to a server; the certificate of its authority is in `cert.pem`."""
    context = make_certificate(folder)
    port: list[int] = []
    up = threading.Event()
    loop = asyncio.new_event_loop()
    ended = asyncio.Event()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, keep: bool) -> None:
        try:
            while data := await reader.read(65536):
                if keep:
                    seen.append(data)
                writer.write(data)
                await writer.drain()
        except (ConnectionError, ssl.SSLError):
            pass
        writer.close()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, plain_port = server.url.removeprefix("http://").split(":")
        back_reader, back_writer = await asyncio.open_connection(host, int(plain_port))
        await asyncio.gather(pump(reader, back_writer, True), pump(back_reader, writer, False))

    async def serve() -> None:
        listener = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=context)
        port.append(listener.sockets[0].getsockname()[1])
        up.set()
        await ended.wait()
        listener.close()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert up.wait(10)
    try:
        yield port[0]
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()


def test_tls_with_a_key_from_the_environment(upstream: Live, tmp_path: Path) -> None:
    seen: list[bytes] = []
    with tls_in_front_of(upstream, tmp_path, seen) as port:
        key = {"THEIR_KEY": "sk-very-secret", "MODELYARD_KEY_VARIABLES": f"THEIR_KEY=localhost:{port}"}
        trust = {"SSL_CERT_FILE": str(tmp_path / "cert.pem"), **key}
        options = {"base_url": f"https://localhost:{port}/v1", "api_key_env": "THEIR_KEY", "upstream_model": "theirs"}
        with live(tmp_path / "home", trust) as own:
            own.launched("ours", model_engine="external", **options)
            answer = own.chat("ours")
            assert answer.status_code == 200, answer.text
            assert answer.json()["usage"]["completion_tokens"] == 5
            assert own.chat("ours", stream=True).text.endswith("data: [DONE]\n\n")
            assert "sk-very-secret" not in own.output() + own.http.get("/v1/models").text
            assert b"sk-very-secret" not in (own.home / "modelyard.db").read_bytes()
        assert b"authorization: bearer sk-very-secret" in b"".join(seen).lower()
        with live(tmp_path / "other", key) as distrustful:
            distrustful.launched("ours", model_engine="external", **options)
            answer = distrustful.chat("ours")
            assert answer.status_code == 503
            assert "certificate" in error_of(answer)["message"].lower()
