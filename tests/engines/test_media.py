"""Addresses in requests: found wherever an engine would look, fetched, and given to the engine as data; others are refused."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from typing import Any

import pytest

from modelyard.core.fetching import Hosts
from modelyard.engines import media
from modelyard.engines.media import Media, MediaRefused, is_plain, places, read
from modelyard.engines.sglang import start
from modelyard.engines.vllm import front
from tests.knowledge.web_server import Reply, Web, web

PNG = b"\x89PNG\r\n\x1a\n of a kind"
DATA = "data:image/png;base64," + base64.b64encode(PNG).decode()
CHAT = "/v1/chat/completions"
Part = dict[str, Any]


@pytest.fixture
def server() -> Iterator[Web]:
    with web() as made:
        made.pages |= {
            "/a": Reply(PNG, "image/png"),
            "/untyped": Reply(PNG, "application/octet-stream"),
            "/sound": Reply(b"RIFF", "audio/wav"),
            "/film": Reply(b"film", "video/mp4"),
            "/page": Reply("secret"),
        }
        yield made


def chat(*parts: Any, role: str = "user", **more: Any) -> Part:
    return {"model": "m", "messages": [{"role": role, "content": list(parts)}], **more}


def replaced(request: Part, hosts: str = "127.0.0.1") -> Any:
    return json.loads(data_for(json.dumps(request).encode(), hosts))


def data_for(body: bytes, hosts: str = "*") -> bytes:
    """What an engine gets."""
    request = read(body)
    return body if request is None else asyncio.run(Media(Hosts.read(hosts)).replaced(request))


SPELLINGS: list[Callable[[str], Part]] = [
    lambda url: {"type": "image_url", "image_url": {"url": url, "detail": "low"}},
    lambda url: {"type": "image_url", "image_url": url},
    lambda url: {"type": "input_image", "image_url": url},
    lambda url: {"type": "input_image", "image_url": {"url": url}},
    lambda url: {"type": "image", "image": url},
    lambda url: {"type": "image", "url": url},
    lambda url: {"type": "image", "image": {"url": url}},
    lambda url: {"image_url": url},
    lambda url: {"image": url},
    lambda url: {"image_url": {"url": url}, "uuid": "x:1"},
    lambda url: {"type": "text", "text": "hi", "uuid": "x", "image_url": url},
    lambda url: {"type": "tool_result", "content": [{"type": "image_url", "image_url": {"url": url}}]},
    lambda url: {"type": "images", "images": [url, {"url": url}]},
]


@pytest.mark.parametrize("number", range(len(SPELLINGS)))
@pytest.mark.parametrize("role", ["system", "user", "assistant", "tool", "developer"])
def test_every_spelling_of_an_address_becomes_data(server: Web, number: int, role: str) -> None:
    url = f"{server.url}/a"
    spelt = SPELLINGS[number]
    assert replaced(chat({"type": "text", "text": url}, spelt(url), role=role)) == chat(
        {"type": "text", "text": url}, spelt(DATA), role=role
    )
    assert {each.path for each in server.requests} == {"/a"}


def test_sound_and_films(server: Web) -> None:
    made = replaced(
        chat(
            {"type": "audio_url", "audio_url": {"url": f"{server.url}/sound"}},
            {"type": "input_audio", "input_audio": {"url": f"{server.url}/sound"}},
            {"type": "video_url", "video_url": {"url": f"{server.url}/film"}},
            {"type": "video", "video": [f"{server.url}/film"]},
            {"type": "image", "image": f"{server.url}/untyped"},
        )
    )
    sound, same, film, frames, untyped = made["messages"][0]["content"]
    assert sound["audio_url"] == same["input_audio"] == {"url": "data:audio/wav;base64,UklGRg=="}
    assert film["video_url"]["url"] == frames["video"][0] == "data:video/mp4;base64,ZmlsbQ=="
    assert untyped["image"] == DATA
    assert len(server.requests) == 3, "an address that stands there twice is fetched once"


@pytest.mark.parametrize("field", ["input", "prompt", "query", "documents", "messages"])
def test_other_fields_of_requests(server: Web, field: str) -> None:
    url = f"{server.url}/a"
    assert replaced({"model": "m", field: ["text", {"image": url}]}) == {"model": "m", field: ["text", {"image": DATA}]}
    part = {"type": "image_url", "image_url": {"url": url}}
    assert url not in json.dumps(replaced({field: {"content": [part]}}))


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": "file:///etc/passwd"},
        {"type": "image_url", "image_url": {"url": "/etc/passwd"}},
        {"type": "image_url", "image_url": {"url": " http://127.0.0.1/"}},
        {"type": "image_url", "image_url": {"url": "ftp://x/y"}},
        {"type": "image", "image": "picture.png"},
        {"type": "video_url", "video_url": {"url": "s3://bucket/key"}},
        {"type": "file", "file": {"file_url": "http://127.0.0.1/"}},
        {"type": "input_file", "file_url": "http://127.0.0.1/"},
        {"type": "file", "file": {"path": "../secret"}},
        {"type": "input_audio", "input_audio": {"data": "http://127.0.0.1/", "format": "wav"}},
        {"type": "input_audio", "input_audio": {"source": {"deep": ["https://x.example/"]}}},
        {"type": "image_embeds", "image_embeds": "http://127.0.0.1/"},
        {"type": "point_cloud", "point_cloud_url": {"href": "//127.0.0.1/"}},
        {"type": "model", "url": "http://127.0.0.1/"},
        {"type": 7, "src": "http://127.0.0.1/"},
        {"type": "image", "role": "user", "src": "http://127.0.0.1/"},
        {"type": ["image"], "src": "http://127.0.0.1/"},
        {"image_url": {"url": DATA}, "thumbnail": "http://127.0.0.1/"},
    ],
)
def test_addresses_elsewhere_are_refused(part: Part) -> None:
    assert not is_plain(chat(part))
    with pytest.raises(MediaRefused) as caught:
        places(chat(part))
    assert caught.value.param == "messages"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("mm_processor_kwargs", {"images": "passwd"}),
        ("mm_processor_kwargs", {"images": ["http://127.0.0.1/"]}),
        ("mm_processor_kwargs", {"common": {"deep": "/etc/passwd"}}),
        ("media_io_kwargs", {"video": {"video_backend": "file:x"}}),
        ("multi_modal_data", {"image": "http://127.0.0.1/"}),
        ("image_data", ["/etc/passwd"]),
    ],
)
def test_arguments_of_libraries_hold_no_addresses(field: str, value: object) -> None:
    body = {**chat("hi"), field: value}
    assert not is_plain(body)
    with pytest.raises(MediaRefused) as caught:
        places(body)
    assert caught.value.param == field


def test_what_passes() -> None:
    """Texts, schemas and calls with addresses in them are nobody's to fetch."""
    url = "http://127.0.0.1/"
    request = chat(
        {"type": "text", "text": url, "cache_control": {"type": "ephemeral"}},
        {"type": "output_text", "text": "x", "annotations": [{"type": "url_citation", "url": url}]},
        {"type": "image_url", "image_url": {"url": DATA, "detail": "auto"}, "uuid": "sku:1"},
        {"type": "input_audio", "input_audio": {"data": "/9j/4AAQ", "format": "wav"}},
        {"type": "image_url", "image_url": None, "uuid": "x"},
        url,
        tools=[{"type": "function", "function": {"parameters": {"properties": {"image_url": {"default": url}}}}}],
        documents=[{"title": "t", "url": url}],
        mm_processor_kwargs={"size": {"shortest_edge": 28}, "image": {"fps": 1}, "backend": "opencv"},
        media_io_kwargs={"video": {"num_frames": 4}, "image": {"image_mode": "RGB"}},
        chat_template_kwargs={"image_source": url},
        metadata={"image_url": url},
    )
    request["messages"] += [
        {"role": "assistant", "content": None, "tool_calls": [{"function": {"arguments": json.dumps({"url": url})}}]},
        {"role": "tool", "content": url, "type": "message", "source": url},
    ]
    assert places(request) == []
    assert replaced(request) == request


def test_most_bodies_pass_as_they_are() -> None:
    plain = {"model": "m", "messages": [{"role": "user", "content": '请看 http://127.0.0.1/a.png \n <url> "x"'}]}
    for dump in (json.dumps(plain), json.dumps(plain, ensure_ascii=False), json.dumps({"input": ["a", "é\u00a0"]})):
        body = dump.encode()
        assert data_for(body) is body


@pytest.mark.parametrize("key", [r"im\u0061ge_url", r"\u0069mage_url"])
def test_escapes_hide_no_field(key: str) -> None:
    body = f'{{"messages":[{{"c\\u006fntent":[{{"{key}":"http://127.0.0.1:1/"}}]}}]}}'.encode()
    with pytest.raises(MediaRefused):
        data_for(body)


def test_what_parsers_could_read_in_two_ways_is_written_anew() -> None:
    part = json.dumps(chat({"image_url": "http://127.0.0.1:1/"}))[1:-1]
    made = data_for(f'{{{part},"messages":[{{"content":["x"]}}]}}'.encode())
    assert json.loads(made) == {"model": "m", "messages": [{"content": ["x"]}]} and b"127" not in made
    with pytest.raises(MediaRefused):
        data_for(b'{"image_url": "http://127.0.0.1/", ')


def refusal(request: Part, hosts: str = "127.0.0.1") -> str:
    with pytest.raises(MediaRefused) as caught:
        replaced(request, hosts)
    return str(caught.value)


def test_limits(server: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    deep: Any = [{"image_url": f"{server.url}/a"}]
    for _ in range(20):
        deep = [deep]
    assert "deeply" in refusal({"input": deep})
    assert "32" in refusal(chat(*({"image_url": f"{server.url}/a?{number}"} for number in range(33))))
    assert server.requests == []
    assert "image/" in refusal(chat({"image_url": f"{server.url}/page"}))
    monkeypatch.setattr(media, "MOST_BYTES", len(PNG) + 1)
    two = chat(*({"image_url": f"{server.url}/a?{number}"} for number in range(2)))
    assert "bytes" in refusal(two)
    with pytest.raises(MediaRefused, match="no projector"):
        asyncio.run(Media(Hosts(), "no projector").bring(chat({"image_url": "http://example.com/"})))


def test_private_hosts_are_not_fetched_from(server: Web) -> None:
    ways = [
        {"image_url": url}
        for url in (f"{server.url}/a", "http://127.0.0.1/", "http://[::1]:8080/", "https://10.1.1.1/")
    ]
    for part in ways:
        assert "not" in refusal(chat(part), "*")
    assert server.requests == []


# the fronts of vLLM and SGLang, with a stub behind them

FRONTS = [front.VllmFront, start.SglangFront]


def through(
    kind: type[Any], request: Part, leaves: asyncio.Event | None = None, path: str = CHAT
) -> tuple[list[Any], list[Any]]:
    """What the engine and the client get."""
    engine: list[Any] = []
    client: list[Any] = []
    body = json.dumps(request).encode()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        message = await receive()
        assert int(dict(scope["headers"])[b"content-length"]) == len(message["body"])
        engine.append(json.loads(message["body"]))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"answer"})

    async def run() -> None:
        async def send(message: MutableMapping[str, Any]) -> None:
            client.append(message)

        scope = {"type": "http", "path": path, "method": "POST", "headers": [(b"content-length", b"%d" % len(body))]}
        await kind(app)(scope, receiving(body, leaves or asyncio.Event()), send)

    asyncio.run(run())
    return engine, client


def receiving(body: bytes, leaves: asyncio.Event) -> Callable[[], Awaitable[MutableMapping[str, Any]]]:
    messages: list[MutableMapping[str, Any]] = [
        {"type": "http.request", "body": body[:5], "more_body": True},
        {"type": "http.request", "body": body[5:]},
    ]

    async def receive() -> MutableMapping[str, Any]:
        if messages:
            return messages.pop(0)
        await leaves.wait()
        return {"type": "http.disconnect"}

    return receive


@pytest.mark.parametrize("kind", FRONTS)
def test_an_engine_behind_a_door_gets_data(kind: type[Any], server: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPLICA_FETCH_HOSTS", "127.0.0.1")
    part = SPELLINGS[0]
    engine, client = through(kind, chat(part(f"{server.url}/a")))
    assert engine == [chat(part(DATA))] and client[1]["body"] == b"answer"


@pytest.mark.parametrize("kind", FRONTS)
def test_a_door_refuses_private_addresses_before_the_engine(kind: type[Any], server: Web) -> None:
    for url in (f"{server.url}/a", "file:///etc/passwd", "http://169.254.169.254/latest/", "http://localhost/"):
        engine, (head, body) = through(kind, chat(SPELLINGS[0](url)))
        error = json.loads(body["body"])["error"]
        assert (engine, head["status"], error["param"]) == ([], 400, "messages") and url in error["message"]
    assert server.requests == []


@pytest.mark.parametrize("path", sorted(front.READ))
def test_all_paths_of_vllm(path: str) -> None:
    engine, (head, _) = through(front.VllmFront, chat(SPELLINGS[0]("http://127.0.0.1/"), documents=["a"]), path=path)
    assert (engine, head["status"]) == ([], 400)


@pytest.mark.parametrize("kind", FRONTS)
def test_a_client_that_leaves_cancels_the_fetch(kind: type[Any], server: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPLICA_FETCH_HOSTS", "127.0.0.1")
    leaves = asyncio.Event()

    async def fetch(self: Media, request: Part) -> bytes:
        leaves.set()
        await asyncio.Event().wait()
        return b""

    monkeypatch.setattr(Media, "replaced", fetch)
    assert through(kind, chat(SPELLINGS[0](f"{server.url}/a")), leaves) == ([], [])
