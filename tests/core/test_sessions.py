"""Cookies of sessions, and which of their tokens a request may come with."""

from __future__ import annotations

from dataclasses import replace

import pytest

from modelyard.core.access import Access, Grant
from modelyard.core.cookies import cookie_name, cookie_names, session_tokens, set_cookie
from modelyard.core.errors import InvalidKey, SessionEnded
from modelyard.core.fingerprints import fingerprint
from modelyard.core.sessions import LiveSession, Sessions, SessionToken, SessionUse, TokenRole

KEY, NOW = b"my-key", 1000.0
OF_KEY = Grant("key", "mine", frozenset({"models:read"}))
OF_SESSION = Grant("s1", "ann", frozenset({"models:read"}), user="ann", session="s1")
Headers = list[tuple[bytes, bytes]]


def cookie(*tokens: str) -> Headers:
    return [(b"host", b"x"), (b"cookie", "; ".join(f"modelyard_session_1={each}" for each in tokens).encode())]


def live(use: SessionUse, grant: Grant | None = OF_SESSION) -> LiveSession:
    return LiveSession("s1", grant, expires_at=NOW + 100, idle=50.0, renew_at=NOW + 10, use=use)


def access(session: LiveSession, **roles: SessionToken) -> Access:
    tokens = {fingerprint(name.encode()): token for name, token in roles.items()}
    tokens[fingerprint(b"current")] = SessionToken(session, TokenRole.CURRENT)
    return Access(True, {fingerprint(KEY): OF_KEY}, sessions=Sessions(tokens, {session.id: session}))


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ([], []),
        ([(b"cookie", b"a=b; modelyard_session=t; c=d")], [b"t"]),
        ([(b"cookie", b"modelyard_session_9997=t;modelyard_session_80=u")], [b"t", b"u"]),
        ([(b"cookie", b"modelyard_session=evil; __Host-modelyard_session=t")], [b"t", b"evil"]),
        ([(b"cookie", b"a=b"), (b"cookie", b"modelyard_session=t")], [b"t"]),
        ([(b"cookie", b"xmodelyard_session=t; modelyard_sessions=t; modelyard_session_x=t")], []),
        ([(b"cookie", b"modelyard_session; modelyard_session=; =modelyard_session;;")], []),
        ([(b"cookie", b"a=modelyard_session=t")], []),
        ([(b"x-cookie", b"modelyard_session=t")], []),
        ([(b"cookie", b"modelyard_session=\xff\x00a")], [b"\xff\x00a"]),
        ([(b"cookie", b"; ".join(b"modelyard_session_%d=t" % number for number in range(50)))], [b"t"] * 8),
    ],
)
def test_cookies_that_are_of_a_session(headers: Headers, found: list[bytes]) -> None:
    assert session_tokens(headers) == found


def test_what_a_browser_is_sent() -> None:
    assert cookie_name(b"127.0.0.1:9997", False) == "modelyard_session_9997"
    assert cookie_name(b"[::1]:80", False) == "modelyard_session_80"
    assert cookie_name(b"models.example", True) == "__Host-modelyard_session"
    plain = "modelyard_session=t; Path=/; Max-Age=59; HttpOnly; SameSite=Strict"
    assert set_cookie("modelyard_session", "t", 59.9) == plain
    assert set_cookie("__Host-modelyard_session", "t", 59) == f"__Host-{plain}; Secure"
    assert "Max-Age=0" in set_cookie("modelyard_session", "", -5)
    headers = [(b"cookie", b"a=b; modelyard_session_1=t; __Host-modelyard_session=u; modelyard_session_1=v")]
    assert cookie_names(headers) == ["__Host-modelyard_session", "modelyard_session_1"]


def test_a_session_admits_and_is_used_by_it() -> None:
    use = SessionUse(NOW - 20)
    given = access(live(use))
    assert given.admit(cookie("current"), NOW) is OF_SESSION and use.at == NOW
    assert given.admit(cookie("of-another-server", "current"), NOW - 5) is OF_SESSION and use.at == NOW


def test_a_key_in_a_header_goes_first_even_a_wrong_one() -> None:
    use = SessionUse(NOW)
    given = access(live(use))
    assert given.admit([*cookie("current"), (b"x-api-key", KEY)], NOW + 9) is OF_KEY and use.at == NOW
    with pytest.raises(InvalidKey, match="unknown or was revoked"):
        given.admit([*cookie("current"), (b"authorization", b"Bearer my-guess")], NOW)


@pytest.mark.parametrize("token", ["guess", "", "CURRENT", "current ", fingerprint(b"current")])
def test_a_forged_cookie_admits_nobody_and_is_not_repeated(token: str) -> None:
    given = access(live(SessionUse(NOW)))
    with pytest.raises(InvalidKey) as refused:
        given.admit(cookie(token + "x"), NOW)
    assert isinstance(refused.value, SessionEnded) and refused.value.status == 401
    assert not token or token not in refused.value.message
    with pytest.raises(InvalidKey):
        given.admit([(b"authorization", b"Bearer current")], NOW)


def test_sessions_end_when_idle_and_in_any_case() -> None:
    given = access(live(SessionUse(NOW)))
    for later in (NOW + 49, NOW + 98):
        assert given.admit(cookie("current"), later)
    with pytest.raises(SessionEnded):
        given.admit(cookie("current"), NOW + 100)
    idle = access(live(SessionUse(NOW)))
    with pytest.raises(SessionEnded):
        idle.admit(cookie("current"), NOW + 50)
    with pytest.raises(SessionEnded):
        idle.sessions.again("s1", NOW + 50)
    with pytest.raises(SessionEnded):
        idle.sessions.again("s2", NOW)


def test_tokens_in_their_turn() -> None:
    use = SessionUse(NOW)
    session = live(use)
    roles = {
        "next": SessionToken(session, TokenRole.NEXT),
        "previous": SessionToken(session, TokenRole.PREVIOUS, until=NOW + 5),
    }
    given = access(session, **roles)
    current = given.sessions.find(cookie("current"), NOW + 9)
    assert current is not None and not current.is_due(NOW + 9) and current.is_due(NOW + 10)
    assert given.admit(cookie("previous"), NOW + 4) is OF_SESSION
    with pytest.raises(SessionEnded):
        given.admit(cookie("previous"), NOW + 5)
    assert use.renewed == ""
    sent = given.sessions.find(cookie("next"), NOW + 20)
    assert sent is not None and use.renewed == fingerprint(b"next")
    assert not sent.is_due(NOW + 20) and not current.is_due(NOW + 20)


def test_a_session_without_a_key_counts_only_where_none_is_required() -> None:
    given = access(live(SessionUse(NOW), grant=None))
    with pytest.raises(InvalidKey, match="Authorization: Bearer"):
        given.admit(cookie("current"), NOW)
    found = replace(given, required=False)
    assert found.admit(cookie("current"), NOW) is None and found.sessions.find(cookie("current"), NOW) is not None
