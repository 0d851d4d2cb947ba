"""Scopes, grants and the snapshot of keys; what is shown of a launch."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.core.access import ADMIN, SCOPES, Access, Grant, Window, checked_scopes, credential, fingerprint
from modelyard.core.errors import InvalidKey, InvalidParameter, PermissionDenied
from modelyard.core.secrets import MASK, mask_secrets, restore_secrets

SECRET = b"my-secret"
GRANT = Grant("1", "mine", frozenset({"models:read"}), models=frozenset({"a"}), expires_at=100.0)
ACCESS = Access(True, {fingerprint(SECRET): GRANT})


def bearer(secret: bytes) -> list[tuple[bytes, bytes]]:
    return [(b"host", b"x"), (b"authorization", b"Bearer " + secret)]


def test_a_known_key_is_admitted() -> None:
    assert ACCESS.admit(bearer(SECRET), 99.0) is GRANT


@pytest.mark.parametrize("headers", [[], [(b"authorization", b"")], [(b"authorization", b"Basic eDp5")], bearer(b"")])
def test_no_key_is_refused_with_how_to_send_one(headers: list[tuple[bytes, bytes]]) -> None:
    with pytest.raises(InvalidKey, match="Authorization: Bearer"):
        ACCESS.admit(headers, 0.0)


def test_an_unknown_key_is_refused_and_not_repeated() -> None:
    with pytest.raises(InvalidKey) as refused:
        ACCESS.admit(bearer(b"my-guess"), 0.0)
    assert "my-guess" not in refused.value.message


def test_an_expired_key_is_refused_by_name() -> None:
    with pytest.raises(InvalidKey, match="'mine' has expired"):
        ACCESS.admit(bearer(SECRET), 100.0)


def test_where_no_key_is_asked_for_none_is_looked_at() -> None:
    assert Access(False, ACCESS.grants).admit(bearer(b"nonsense"), 0.0) is None


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ([(b"authorization", b"Bearer k")], b"k"),
        ([(b"authorization", b"bearer  k ")], b"k"),
        ([(b"x-api-key", b"k")], b"k"),
        ([(b"api-key", b" k ")], b"k"),
        ([(b"x-api-key", b"other"), (b"authorization", b"Bearer k")], b"k"),
        ([(b"authorization", b"Basic zzz"), (b"x-api-key", b"k")], b"k"),
        ([(b"cookie", b"k=v")], b""),
    ],
)
def test_where_a_key_may_stand(headers: list[tuple[bytes, bytes]], found: bytes) -> None:
    assert credential(headers) == found


def test_scopes_and_models_of_a_grant() -> None:
    GRANT.check("models:read")
    GRANT.check_model("a")
    with pytest.raises(PermissionDenied, match=r"'models:write'; an administrator .* `modelyard key update`\."):
        GRANT.check("models:write")
    with pytest.raises(PermissionDenied, match="'b'"):
        GRANT.check_model("b")
    admin = Grant("2", "root", frozenset({ADMIN}))
    for scope in SCOPES:
        admin.check(scope)
    admin.check_model("whatever")


def test_older_names_of_scopes() -> None:
    given = ["models:start", "models:stop", "models:add", "models:unregister", "models:list"]
    assert checked_scopes(given) == ["models:list", "models:register", "models:write"]
    with pytest.raises(InvalidParameter, match="'root' is none of"):
        checked_scopes(["root"])


def test_a_window_forgets_after_a_minute() -> None:
    window = Window()
    for second in range(3):
        window.add(1, float(second))
    assert window.wait(4, 2.0) == 0
    assert window.wait(3, 2.0) == 58  # the first of three must be forgotten
    assert window.wait(1, 2.0) == 60
    assert window.wait(3, 60.0) == 0
    assert window.wait(1, 61.5) == 0.5
    assert (window.wait(1, 62.0), window.total) == (0, 0)


@given(st.lists(st.tuples(st.floats(0, 5), st.integers(0, 50)), max_size=60), st.integers(1, 100))
def test_a_window_holds_what_was_used(steps: list[tuple[float, int]], limit: int) -> None:
    window, now, used = Window(), 0.0, []
    for pause, amount in steps:
        now += pause
        window.add(amount, now)
        used.append((now, amount))
    never_less = sum(amount for at, amount in used if at > now - 59)
    never_more = sum(amount for at, amount in used if at > now - 61)
    assert (window.wait(limit, now) == 0) == (window.total < limit)
    assert never_less <= window.total <= never_more
    assert window.wait(limit, now + window.wait(limit, now)) <= 1e-6


def test_what_is_shown_of_a_launch() -> None:
    launch = {
        "model_name": "m",
        "envs": {"HF_TOKEN": "hf_x", "PATH": "/bin"},
        "api_key": "sk-1",
        "hf-token": "hf_y",
        "max_tokens": 5,
        "api_key_env": "OPENAI_KEY",
        "nested": {"password": "p", "size": 1},
    }
    shown = mask_secrets(launch)
    assert shown["envs"] == {"HF_TOKEN": MASK, "PATH": MASK}
    assert (shown["api_key"], shown["hf-token"], shown["nested"]) == (MASK, MASK, {"password": MASK, "size": 1})
    assert (shown["model_name"], shown["max_tokens"], shown["api_key_env"]) == ("m", 5, "OPENAI_KEY")
    assert restore_secrets(shown, launch) == launch
    assert restore_secrets({**shown, "api_key": "sk-2"}, launch)["api_key"] == "sk-2"
    assert restore_secrets(shown, {})["api_key"] == MASK


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("--max-logprobs 5  --seed 1", "--max-logprobs 5  --seed 1"),
        ("--hf-token hf_x --seed 1", f"--hf-token {MASK} --seed 1"),
        ("--hf_token=hf_x", f"--hf_token={MASK}"),
        (["--hf-token", "hf_x", "--seed", "1"], ["--hf-token", MASK, "--seed", "1"]),
        (["--hf-token", "--seed", "1"], ["--hf-token", "--seed", "1"]),
    ],
)
def test_secrets_in_command_lines_are_not_shown(given: str | list[str], shown: str | list[str]) -> None:
    launch = {"model_name": "m", "vllm_args": given}
    assert mask_secrets(launch)["vllm_args"] == shown
    assert restore_secrets(mask_secrets(launch), launch) == launch
