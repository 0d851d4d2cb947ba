"""Keys, users and logins without a server of their own: on the database of a home, and against a scripted server."""

from __future__ import annotations

import io
import json
import stat
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelyard.cli.main import run
from tests.client.stub import Stub, error_answer, json_answer

TOKENS = {"access_token": "first", "refresh_token": "again", "expires_in": 3600, "token_type": "bearer"}
Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Run a command in this process; its exit code, stdout and stderr. What is typed is what a pipe brings."""
    monkeypatch.setenv("MODELYARD_HOME", str(tmp_path / "home"))
    for name in ("MODELYARD_API_KEY", "MODELYARD_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments: str, typed: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        code = run(arguments)
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return call


def test_the_first_key_of_a_home_is_an_administrators_and_later_ones_are_not(call: Call, tmp_path: Path) -> None:
    home = ("--home", str(tmp_path / "h"))
    assert "There is no key" in call("key", "list", *home)[2]
    code, first, err = call("key", "create", "-n", "me", *home)
    assert code == 0 and first.startswith("my-") and "admin" in err
    options = ("--model", "a", "--base", "b:write", "--base", "c", "--requests-per-minute", "9", "--expires-in", "2h")
    made = json.loads(call("key", "create", "-n", "robot", *options, "--json", *home)[1])
    assert (made["models"], made["bases"]) == (["a"], {"b": "write", "c": "read"})
    assert made["expires_at"] - made["created_at"] == pytest.approx(7200, abs=60)
    _, new, err = call("key", "rotate", "robot", *home)
    assert new.strip() != made["key"] and "new secret" in err
    table = call("key", "list", *home)[1]
    assert "9 requests" in table and "until " in table and "usable" in table
    assert call("key", "revoke", "robot", *home)[1] == f"{made['id']} (robot) revoked\n"
    assert [key["revoked_at"] is None for key in json.loads(call("key", "list", "--json", *home)[1])] == [True, False]
    assert "revoked" in call("key", "list", *home)[1]
    code, _, err = call("key", "revoke", "nobody", *home)
    assert code == 1 and "nobody" in err


def test_people_who_may_log_in(call: Call, tmp_path: Path) -> None:
    home = ("--home", str(tmp_path / "h"))
    assert "There are no users" in call("user", "list", *home)[2]
    code, out, _ = call("user", "create", "ann", *home, typed="a long password\n")
    assert code == 0 and out.startswith("ann may log in with the scopes admin")
    options = ("--password", "another password", "-s", "models:read", "--json")
    assert json.loads(call("user", "create", "bob", *options, *home)[1])["scopes"] == ["models:read"]
    assert [line.split()[1] for line in call("user", "list", *home)[1].splitlines()[1:]] == ["ann", "bob"]
    assert call("user", "remove", "bob", *home)[:2] == (0, "bob removed\n")
    assert [each["username"] for each in json.loads(call("user", "list", "--json", *home)[1])] == ["ann"]


@pytest.mark.parametrize("time", ["0h", "soon", "12y"])
def test_a_time_that_is_none(call: Call, time: str) -> None:
    code, _, err = call("key", "create", "-n", "x", "--expires-in", time)
    assert code == 2 and "no time such as 12h" in err


def test_a_running_server_is_asked_for_its_keys(call: Call, stub: Stub) -> None:
    key = {"id": "k/1", "name": "me", "scopes": ["admin"], "key": "my-secret"}
    stub.routes |= {
        "GET /v1/cluster/auth": json_answer({"auth": True}),
        "POST /v1/admin/keys": json_answer(key),
        "DELETE /v1/admin/keys/k%2F1": json_answer(key),
        "GET /v1/admin/users": json_answer({"data": [], "has_more": False, "next": None}),
    }
    server = ("-e", stub.url, "-ak", "admin-key")
    assert call("key", "create", "-n", "me", *server)[1] == "my-secret\n"
    assert stub.last().body == {"name": "me"} and stub.last().headers["authorization"] == "Bearer admin-key"
    assert call("key", "revoke", "k/1", *server)[1] == "k/1 (me) revoked\n"
    assert "There are no users" in call("user", "list", *server)[2]


def test_what_is_named_of_a_key_is_changed(call: Call, stub: Stub, tmp_path: Path) -> None:
    home = ("--home", str(tmp_path / "h"))
    call("key", "create", "-n", "root", *home)
    made = json.loads(call("key", "create", "-n", "app", "-m", "qwen3", "--expires-in", "1h", "--json", *home)[1])
    options = ("-s", "models:read", "--base", "docs:write", "--without", "models", "--without", "expires-in", "--json")
    changed = json.loads(call("key", "update", "app", *options, *home)[1])
    assert (changed["scopes"], changed["models"], changed["expires_at"]) == (["models:read"], None, None)
    assert changed["bases"] == {"docs": "write"} and changed["prefix"] == made["prefix"]
    code, _, err = call("key", "update", "app", *home)
    assert code == 2 and "Name what to change" in err
    code, _, err = call("key", "update", "root", "-s", "models:read", *home)
    assert code == 1 and "last administrator" in err
    call("user", "create", "ann", "-s", "models:read", *home, typed="a long password\n")
    assert call("user", "update", "ann", "-s", "models:list", *home)[1] == "ann has the scopes models:list\n"

    stub.routes |= {
        "GET /v1/cluster/auth": json_answer({"auth": True}),
        "PATCH /v1/admin/keys/app": json_answer(changed),
    }
    assert call("key", "update", "app", "-n", "new", "--requests-per-minute", "5", "-e", stub.url)[0] == 0
    assert stub.last().body == {"name": "new", "requests_per_minute": 5}


def login(call: Call, stub: Stub, **changes: Any) -> Path:
    stub.routes["POST /token"] = json_answer(TOKENS | changes)
    code, out, err = call("login", "-e", stub.url, "-u", "ann", "--json", typed="secret\n")
    assert code == 0, err
    return Path(json.loads(out)["file"])


def test_a_login_is_kept_for_its_owner_alone_and_used_from_then_on(call: Call, stub: Stub) -> None:
    file = login(call, stub)
    assert stub.last().body == {"username": "ann", "password": "secret"}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    stub.routes["GET /v1/models"] = json_answer({"data": []})
    call("list", "-e", stub.url)
    assert stub.last().headers["authorization"] == "Bearer first"
    code, out, _ = call("login", "-e", stub.url, "-u", "ann", "--password", "secret")
    assert (code, out) == (0, f"Logged in to {stub.url} as ann.\n")


def test_a_token_that_ends_is_renewed_before_it_is_used(call: Call, stub: Stub) -> None:
    file = login(call, stub, expires_in=30)
    stub.routes |= {
        "GET /v1/models": json_answer({"data": []}),
        "POST /v1/auth/refresh": json_answer(TOKENS | {"access_token": "second"}),
    }
    call("list", "-e", stub.url)
    assert stub.last().headers["authorization"] == "Bearer second"
    kept = json.loads(file.read_text(encoding="utf-8"))
    assert (kept["access_token"], kept["username"]) == ("second", "ann")
    assert kept["expires_at"] > time.time() + 3000


def test_a_token_that_cannot_be_renewed_is_for_the_server_to_refuse(call: Call, stub: Stub) -> None:
    file = login(call, stub, expires_in=30)
    stub.routes |= {
        "GET /v1/models": json_answer({"data": []}),
        "POST /v1/auth/refresh": error_answer("invalid_api_key", "It has ended.", 401),
    }
    call("list", "-e", stub.url)
    assert stub.last().headers["authorization"] == "Bearer first"
    file.write_text(json.dumps({**json.loads(file.read_text()), "endpoint": "http://other"}))
    call("list", "-e", stub.url)
    assert "authorization" not in stub.last().headers, "a file of another server is not used"


def test_logging_out_deletes_the_token_even_if_the_server_does_not_revoke_it(call: Call, stub: Stub) -> None:
    assert f"You were not logged in to {stub.url}" in call("logout", "-e", stub.url)[2]
    file = login(call, stub)
    stub.routes["POST /v1/auth/logout"] = json_answer({"ok": True})
    assert call("logout", "-e", stub.url)[:2] == (0, f"Logged out of {stub.url}.\n") and not file.exists()
    assert stub.last().headers["authorization"] == "Bearer first"
    login(call, stub)
    del stub.routes["POST /v1/auth/logout"]
    code, _, err = call("logout", "-e", stub.url)
    assert code == 0 and "could not revoke the token" in err and not file.exists()
    assert json.loads(call("logout", "-e", stub.url, "--json")[1])["logged_out"] is False


def test_logging_out_everywhere(call: Call, stub: Stub) -> None:
    file = login(call, stub)
    stub.routes["DELETE /v1/auth/sessions"] = json_answer({"ended": 3})
    code, out, _ = call("logout", "-e", stub.url, "--everywhere")
    assert (code, out) == (0, f"Logged out of {stub.url}.\n") and not file.exists()
    assert stub.last().method == "DELETE" and stub.last().headers["authorization"] == "Bearer first"


def test_passwords_of_a_home(call: Call, tmp_path: Path) -> None:
    home = ("--home", str(tmp_path / "h"))
    call("user", "create", "ann", *home, typed="a long password\n")
    code, out, _ = call("user", "passwd", "ann", *home, typed="another password\n")
    assert code == 0 and out.startswith("The password of ann is changed")
    assert (
        json.loads(call("user", "passwd", "ann", "--json", *home, typed="a third password\n")[1])["username"] == "ann"
    )
    code, _, err = call("user", "passwd", "ann", *home, typed="short\n")
    assert code == 1 and "8 to" in err
    code, _, err = call("user", "passwd", *home, typed="a third password\nanother password\n")
    assert code == 1 and "modelyard user passwd NAME" in err


def test_passwords_of_a_running_server(call: Call, stub: Stub) -> None:
    stub.routes |= {
        "GET /v1/cluster/auth": json_answer({"auth": True}),
        "POST /v1/auth/password": json_answer({"ended": 2}),
        "POST /v1/admin/users/ann/password": json_answer({"username": "ann"}),
    }
    login(call, stub)
    server, typed = ("-e", stub.url), "a long password\nanother password\n"
    assert "2 other logins have ended" in call("user", "passwd", *server, typed=typed)[1]
    assert stub.last().body == {"old_password": "a long password", "new_password": "another password"}
    assert stub.last().headers["authorization"] == "Bearer first"
    assert json.loads(call("user", "passwd", "--json", *server, typed=typed)[1]) == {"ended": 2}
    assert "all their logins have ended" in call("user", "passwd", "ann", *server, typed=typed)[1]
    assert stub.last().body == {"password": "a long password"}
