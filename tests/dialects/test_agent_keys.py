"""Agents at a server with keys: they find the key where `modelyard connect` told them to, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent_environment import claude_code, codex, continue_cli, lacks
from tests.dialects.conftest import Upstream
from tests.dialects.programs import ELSEWHERE, Workplace, connected
from tests.dialects.scripts import ModelAnswer
from tests.knowledge.web_server import web
from tests.live import Live

pytestmark = [
    pytest.mark.skipif(lacks() is not None, reason=f"needs another machine: {lacks()}"),
    pytest.mark.timeout(300),
]

ANSWER = "All done."


@pytest.fixture(scope="module")
def scripted(guarded: Live) -> Iterator[Live]:
    """The server with keys, and a model elsewhere that answers."""
    upstream = Upstream(answer=lambda body: ModelAnswer(text=[ANSWER]))
    with web() as elsewhere:
        elsewhere.pages["/v1/chat/completions"] = upstream.reply
        guarded.launched("script", model_engine="external", base_url=f"{elsewhere.url}/v1")
        yield guarded


@pytest.fixture(scope="module")
def secret(scripted: Live) -> str:
    """A key that may see models and use them."""
    made = scripted.http.post("/v1/admin/keys", json={"name": "agent", "scopes": ["models:list", "models:read"]})
    assert made.status_code == 201, made.text
    return str(made.json()["key"])


@pytest.mark.parametrize("name", ["codex", "claude", "continue"])
def test_the_key_is_read_from_where_it_is(scripted: Live, secret: str, tmp_path: Path, name: str) -> None:
    options = ("--model", "script", "--context-length", ELSEWHERE, "--api-key", secret)
    place = connected(scripted.url, tmp_path, name, *options)
    written = [path for path in place.home.rglob("*") if path.is_file()]
    assert written and not any(secret in path.read_text(encoding="utf-8") for path in written)
    if name == "continue":
        (place.home / ".continue" / ".env").write_text(f"MODELYARD_API_KEY={secret}\n", encoding="utf-8")
    done = place.run(*command(name, place), MODELYARD_API_KEY=secret)
    assert ANSWER in done.stdout, done.stdout + done.stderr
    used = scripted.http.get("/v1/requests", params={"limit": 1}).json()
    assert used["data"][0]["key_name"] == "agent", used


@pytest.mark.parametrize("name", ["codex", "claude"])
def test_a_key_can_stand_in_the_configuration(scripted: Live, secret: str, tmp_path: Path, name: str) -> None:
    options = ("--model", "script", "--context-length", ELSEWHERE, "--api-key", secret, "--with-key")
    place = connected(scripted.url, tmp_path, name, *options)
    done = place.run(*command(name, place))
    assert ANSWER in done.stdout, done.stdout + done.stderr


def command(name: str, place: Workplace) -> list[str]:
    """A question to a program."""
    if name == "codex":
        return [*codex(), "exec", "--strict-config", "--skip-git-repo-check", "Hello"]
    if name == "claude":
        return [*claude_code(), "-p", "Hello"]
    return [*continue_cli(), "-p", "Hello", "--config", str(place.home / ".continue" / "config.yaml")]
