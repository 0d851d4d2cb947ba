"""`modelyard key`, `user`, `login` and `logout` against a real server, and on a home without one."""

from __future__ import annotations

import json
import socket
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.served import Served
from tests.cli.terminal import Terminal, run

PASSWORD = "密码 with spaces"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    served = Served(tmp_path_factory.mktemp("keys") / "home")
    try:
        yield served
    finally:
        served.stop()


@pytest.fixture(scope="module")
def key(server: Served) -> str:
    """The first key, made over HTTP while the server was open."""
    done = server.run("key", "create", "--name", "me")
    assert done.returncode == 0 and done.stdout.startswith("my-") and "admin" in done.stderr, done.stderr
    return done.stdout.strip()


def test_every_command_needs_the_key_then(server: Served, key: str) -> None:
    refused = server.run("list")
    assert refused.returncode == 1 and refused.stderr.startswith("Error: This server asks for an API key")
    assert server.run("list", "-ak", key).returncode == 0
    assert run("list", MODELYARD_ENDPOINT=server.url, MODELYARD_API_KEY=key).returncode == 0


def test_a_key_is_made_listed_rotated_and_revoked(server: Served, key: str) -> None:
    options = ("--model", "a", "--model", "b", "--tokens-per-minute", "900", "--expires-in", "12h", "--json")
    made = server.run("key", "create", "-n", "robot", "-s", "models:read", *options, "-ak", key)
    robot = json.loads(made.stdout)
    assert (robot["scopes"], robot["models"], robot["tokens_per_minute"]) == (["models:read"], ["a", "b"], 900)
    assert robot["expires_at"] - robot["created_at"] == pytest.approx(12 * 3600, abs=60)
    table = server.run("key", "list", "-ak", key).stdout
    assert "900 tokens" in table and robot["prefix"] in table and robot["key"] not in table
    assert robot["id"] in [each["id"] for each in json.loads(server.run("key", "list", "--json", "-ak", key).stdout)]
    rotated = json.loads(server.run("key", "rotate", "robot", "--json", "-ak", key).stdout)
    assert (rotated["id"], rotated["owner"]) == (robot["id"], robot["owner"]) and rotated["key"] != robot["key"]
    shared = server.run("key", "create", "-n", "twin", "--owner", robot["owner"], "--json", "-ak", key)
    assert json.loads(shared.stdout)["owner"] == robot["owner"]
    assert server.run("key", "revoke", "robot", "-ak", key).stdout == f"{robot['id']} (robot) revoked\n"
    assert "revoked" in server.run("key", "list", "-ak", key).stdout
    assert server.run("key", "list", "-ak", robot["key"]).returncode == 1
    missing = server.run("key", "revoke", "nobody", "-ak", key)
    assert (missing.returncode, missing.stderr) == (1, "Error: There is no key 'nobody'.\n")


@pytest.mark.parametrize("arguments", [("create",), ("create", "-n", "x", "--expires-in", "soon"), ("revoke",), ("x",)])
def test_wrong_usage_is_refused(arguments: tuple[str, ...]) -> None:
    assert run("key", *arguments).returncode == 2


def test_a_login_is_kept_renewed_and_forgotten(server: Served, key: str, tmp_path: Path) -> None:
    done = server.run("user", "create", "小明", "--scope", "models:list", "-ak", key, text=f"{PASSWORD}\n")
    assert done.returncode == 0, done.stderr
    assert "小明" in server.run("user", "list", "-ak", key).stdout

    def mine(*arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
        return run(*arguments, text=text, MODELYARD_ENDPOINT=server.url, MODELYARD_HOME=str(tmp_path))

    assert mine("list").returncode == 1
    wrong = mine("login", "-u", "小明", text="wrong\n")
    assert (wrong.returncode, wrong.stderr) == (1, "Error: Incorrect username or password\n")
    assert mine("login", "--username", "小明", text=f"{PASSWORD}\n").stdout == f"Logged in to {server.url} as 小明.\n"
    (kept,) = (tmp_path / "auth").iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600 and stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    assert mine("list").returncode == 0
    assert "lacks the scope" in mine("terminate", "x").stderr
    before = json.loads(kept.read_text())
    kept.write_text(json.dumps({**before, "expires_at": 0}))
    assert mine("list").returncode == 0
    after = json.loads(kept.read_text())
    assert after["access_token"] != before["access_token"] and after["expires_at"] > before["expires_at"]
    assert mine("logout").stdout == f"Logged out of {server.url}.\n"
    assert not kept.exists()
    kept.write_text(json.dumps(after))
    assert mine("list").returncode == 1  # the server forgot it, too
    assert "You were not logged in" in run("logout", "-e", server.url, MODELYARD_HOME=str(tmp_path / "other")).stderr
    assert server.run("user", "remove", "小明", "-ak", key).stdout == "小明 removed\n"


def test_the_token_is_sent_to_its_server_only(server: Served, key: str, tmp_path: Path) -> None:
    server.run("user", "create", "bob", "--password", PASSWORD, "-ak", key)
    run("login", "-u", "bob", "--password", PASSWORD, "-e", server.url, MODELYARD_HOME=str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        stranger.settimeout(20)
        url = f"http://127.0.0.1:{stranger.getsockname()[1]}"
        with Terminal("list", "-e", url, MODELYARD_HOME=str(tmp_path)) as terminal:
            connection, _ = stranger.accept()
            with connection:
                assert b"authorization" not in connection.recv(65536).lower()
            terminal.wait()


def test_a_password_is_typed_unseen_or_piped(server: Served, key: str, tmp_path: Path) -> None:
    server.run("user", "create", "ann", "--password", PASSWORD, "-ak", key)
    with Terminal("login", MODELYARD_ENDPOINT=server.url, MODELYARD_HOME=str(tmp_path)) as terminal:
        terminal.expect("Username: ")
        terminal.type("ann\r")
        terminal.expect("Password: ")
        terminal.type(f"{PASSWORD}\r")
        seen = terminal.expect("as ann.")
        assert terminal.wait() == 0
    assert PASSWORD not in str(seen)


def test_without_a_server_the_database_of_the_home_is_used(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    done = run("key", "create", "-n", "me", "-e", f"http://127.0.0.1:{port}", MODELYARD_HOME=str(tmp_path / "home"))
    assert done.returncode == 1 and "No server answers" in done.stderr  # one that was named must be there
    done = run("key", "create", "-n", "me", "--home", str(tmp_path / "home"), "--json")
    assert done.returncode == 0 and json.loads(done.stdout)["scopes"] == ["admin"]
    assert stat.S_IMODE((tmp_path / "home").stat().st_mode) == 0o700
    assert run("user", "create", "ann", "--password", "short", "--home", str(tmp_path / "home")).returncode == 1
    served = Served(tmp_path / "home")
    try:
        assert "asks for an API key" in served.run("list").stderr
    finally:
        served.stop()
