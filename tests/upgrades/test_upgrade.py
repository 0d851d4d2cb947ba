"""A home folder that an older version made (schema 0003) is used by this one: everything in it works."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from modelyard.client import Client
from modelyard.core.errors import InvalidKey, PermissionDenied
from modelyard.db.versions import HEAD
from tests.live import Live, live
from tests.processes import wait_for
from tests.upgrades.old_home import KEYS, LOGIN, unpack


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """This version on the old home; its client has the key that may do everything."""
    home = unpack(tmp_path_factory.mktemp("upgrade") / "home")
    with live(home) as server:
        server.http.headers["authorization"] = f"Bearer {KEYS['owner']}"
        yield server


@pytest.fixture
def client(server: Live) -> Iterator[Client]:
    with Client(server.url, KEYS["owner"]) as client:
        yield client


def test_its_models_run_again_with_their_replicas_and_adapters(server: Live) -> None:
    server.until_replicas_ready("echo", 2)
    for uid in ("modelyard-demo", "vectors", "later"):
        server.until(uid, "READY")
    (adapter,) = server.http.get("/v1/adapters").json()["data"]
    assert (adapter["id"], adapter["status"]) == ("tuner", "READY")
    for name in ("echo", "tuner", "modelyard-demo"):
        answer = server.chat(name, max_tokens=8)
        assert answer.status_code == 200 and answer.json()["model"] == name, answer.text


@pytest.mark.parametrize("base", ["words", "vectors"])
def test_its_bases_are_searched_and_answer(server: Live, client: Client, base: str) -> None:
    server.until("vectors", "READY")
    documents = client.documents.list(base)["data"]
    assert {(each["name"], each["state"]) for each in documents} == {("pumps.md", "ready"), ("保养.md", "ready")}
    for question, words in (("MX-2140", "12 litres"), ("滤芯多久更换", "滤芯每年更换")):
        hits = client.knowledge.search(base, question)["data"]
        assert [hit for hit in hits if words in hit["text"]], hits
    for document in documents:
        assert client.documents.content(base, document["id"])
    server.until("modelyard-demo", "READY")
    answer = client.knowledge.ask(base, "What does the MX-2140 deliver?", model="modelyard-demo", temperature=0)
    assert answer["citations"][0]["document"] == "pumps.md"


def test_a_document_is_added_to_an_old_base(server: Live, client: Client) -> None:
    server.until("vectors", "READY")
    client.documents.upload("vectors", [("hoses.md", b"# Hoses\n\nThe HS-90 hose bears 40 degrees.\n")])
    wait_for(lambda: "HS-90" in str(client.knowledge.search("vectors", "HS-90")["data"]), seconds=60)


def test_its_keys_admit_to_what_they_did(server: Live) -> None:
    server.until("echo", "READY")
    with Client(server.url, KEYS["app"]) as app:
        assert list(app.models.list()) == ["echo"]
        with pytest.raises(PermissionDenied):
            app.models.terminate("modelyard-demo")
    with Client(server.url, KEYS["reader"]) as reader:
        assert [each["name"] for each in reader.knowledge.list()] == ["words"]
    with Client(server.url, "my-unknown") as stranger, pytest.raises(InvalidKey):
        stranger.models.list()


def test_its_user_logs_in_and_finds_their_chat(server: Live) -> None:
    with Client(server.url) as client:
        client.login(*LOGIN)
        assert {each["name"] for each in client.keys.list()} >= set(KEYS)


def test_its_chats_have_their_messages(client: Client) -> None:
    (chat,) = client.chats.list()["data"]
    question, answer = client.chats.messages(chat["id"])
    assert question["content"][0]["text"] == "What does the MX-2140 deliver?"
    assert answer["role"] == "assistant" and answer["citations"][0]["document"] == "pumps.md"


def test_its_registrations_are_listed(client: Client) -> None:
    assert "mine" in [each["model_name"] for each in client.registrations.list("LLM")]
    assert client.registrations.get("LLM", "mine")["model_specs"][0]["quantizations"] == ["Q8_0"]


def test_its_database_has_the_newest_schema(server: Live) -> None:
    with closing(sqlite3.connect(server.home / "modelyard.db")) as database:
        assert database.execute("SELECT version_num FROM alembic_version").fetchall() == [(HEAD,)]
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
