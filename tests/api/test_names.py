"""Names of every noun: what is accepted can be got, listed and deleted by that name; the rest is a 400 at once."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from modelyard.api.routes import ROUTES
from modelyard.core.names import BEHIND_MODELS, MODEL_ROUTES
from modelyard.knowledge.documents.bases import RESERVED
from tests.live import Live, error_of, live

ODD = st.text(st.sampled_from("aé/?#%.: \u0301\u200b\t:&=+\\'\"~中😀K"), min_size=1, max_size=8)
EXAMPLES = (
    ".", "..", "a/../b", "a//b", "kb:x", "prompts", "a/logs", "a/replicas/1", "x" * 300, "e\u0301", "é", "%2F", "a%20b", "a?b#c",
    "😀", " a", "a.", "search", "LLM/x/versions",
)  # fmt: skip
FEW = 6
"""Made-up names of one noun."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("names") / "home", env={"MODELYARD_AUTH": "off"}) as running:
        assert running.http.post("/v1/knowledge_bases", json={"name": "held"}).status_code == 200
        yield running


def base(server: Live, name: str) -> bool:
    path = f"/v1/knowledge_bases/{quote(name, safe='')}"
    if server.http.post("/v1/knowledge_bases", json={"name": name}).status_code == 400:
        return False
    listed = [each["name"] for each in server.http.get("/v1/knowledge_bases").json()["data"]]
    assert unicodedata.normalize("NFC", name) in listed
    assert server.http.get(path).status_code == server.http.delete(path).status_code == 200
    assert server.http.get(path).status_code == 404
    return True


def document(server: Live, name: str) -> bool:
    path = "/v1/knowledge_bases/held/documents"
    sent = server.http.post(path, files=[("files", ("x.txt", b"text"))], data={"name": name, "index": "false"})
    if sent.status_code == 400:
        return False
    assert sent.status_code == 200, sent.text
    assert server.http.get(path, params={"name": name}).json()["total"] == 1
    assert server.http.post(f"{path}/delete", json={"names": [name]}).json()["missing"] == []
    assert server.http.get(path).json()["total"] == 0
    return True


def user(server: Live, name: str) -> bool:
    made = server.http.post("/v1/admin/users", json={"username": name, "password": "long enough 12"})
    if made.status_code == 400:
        return False
    assert made.status_code == 201, made.text
    assert server.http.delete(f"/v1/admin/users/{quote(name, safe='')}").status_code == 200
    assert server.http.get("/v1/admin/users").json()["data"] == []
    return True


def entry(server: Live, name: str) -> bool:
    """An autostart entry: its uid is a model's."""
    launch = {"model_name": "x", "model_uid": name, "model_engine": "fake"}
    path = f"/v1/autostart/models/{quote(name)}"
    if server.http.post("/v1/autostart/models", json={"launch": launch}).status_code == 400:
        return False
    assert server.http.get(path).json()["model_uid"] == name
    assert server.http.delete(path).status_code == 200
    assert server.http.get(path).status_code == 404
    return True


def model(server: Live, name: str) -> bool:
    path = f"/v1/models/{quote(name)}"
    made = server.launch(name, wait_ready=False)
    if made.status_code == 400:
        assert error_of(made)["message"]
        return False
    assert made.status_code == 200, made.text
    shown: dict[str, Any] = server.http.get(path).json()
    assert shown["id"] == name
    assert server.http.delete(path).status_code == 200
    assert server.http.get(path).status_code == 404
    return True


@pytest.mark.parametrize("noun", [base, document, user, entry, model])
def test_a_name_that_is_accepted_can_be_used(server: Live, noun: Callable[[Live, str], bool]) -> None:
    outcomes = {name: noun(server, name) for name in EXAMPLES}
    assert True in outcomes.values()
    assert False in outcomes.values() or noun is document, "a document's name never stands in an address"
    assert outcomes["é"], "the usual spelling of a usual letter"


@pytest.mark.parametrize("noun", [base, document, entry])
def test_made_up_names(server: Live, noun: Callable[[Live, str], bool]) -> None:
    @settings(max_examples=FEW)
    @given(ODD)
    @example("a/b")
    def check(name: str) -> None:
        noun(server, name)

    check()


def test_two_spellings_are_one_name(server: Live) -> None:
    one, two = "caf\u00e9", "cafe\u0301"
    for route, body in (
        ("/v1/knowledge_bases", {"name": "{}"}),
        ("/v1/admin/users", {"username": "{}", "password": "long enough 12"}),
    ):
        first, second = ({key: value.format(name) for key, value in body.items()} for name in (one, two))
        assert server.http.post(route, json=first).is_success
        assert server.http.post(route, json=second).status_code == 409
    path = "/v1/knowledge_bases/held/documents"
    for name in (one, two):
        files = [("files", ("x.txt", b"text"))]
        assert server.http.post(path, files=files, data={"name": name, "index": "false"}).status_code == 200
    assert server.http.get(path).json()["total"] == 1
    assert server.http.post(f"{path}/delete", json={"names": [two]}).json()["missing"] == []
    assert server.http.delete("/v1/admin/users/" + quote(two)).status_code == 200


def test_the_reserved_words_are_those_of_the_routes() -> None:
    words: dict[str, set[str]] = {"/v1/models/": set(), "/v1/autostart/models/": set(), "/v1/knowledge_bases/": set()}
    behind: set[str] = set()
    for path in (route.path for route in ROUTES):
        for start, found in words.items():
            first, *others = path.removeprefix(start).split("/") if path.startswith(start) else ("{",)
            if not first.startswith("{"):
                found.add(first)
            elif start == "/v1/models/":
                behind |= {each for each in others if each and not each.startswith("{")}
    assert words["/v1/models/"] | words["/v1/autostart/models/"] <= MODEL_ROUTES
    assert behind <= BEHIND_MODELS
    assert words["/v1/knowledge_bases/"] == RESERVED
