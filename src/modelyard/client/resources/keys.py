"""`client.keys`, `client.users` and `client.auth`: keys, users and logins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Unpack

from modelyard.client.calls import CallGroup, S, call, pages_call
from modelyard.client.request import Request, an_object, at, data_of, given

if TYPE_CHECKING:
    from modelyard.client.account_types import (
        EndedLoginsDict,
        KeyChangesDict,
        KeyDict,
        MeDict,
        NewKeyDict,
        SessionDict,
        TokensDict,
        UserDict,
    )
    from modelyard.client.types import DoneDict


class KeyCalls(CallGroup[S]):
    """API keys: create, rotate, revoke and list them."""

    @call
    def create(
        self,
        name: str,
        scopes: Sequence[str] | None = None,
        models: Sequence[str] | None = None,
        bases: Mapping[str, str] | None = None,
        requests_per_minute: int | None = None,
        tokens_per_minute: int | None = None,
        expires_in: float | None = None,
        owner: str | None = None,
    ) -> Request[NewKeyDict]:
        """Create a key and return it with its secret, `key`, which is shown only here.

        `models` and `bases` are the only ones it may use, `expires_in` is in seconds, `owner` is the owner id of another key
        or user whose conversations and files it shares.
        """
        body = given(
            name=name,
            scopes=scopes,
            models=models,
            bases=bases,
            requests_per_minute=requests_per_minute,
            tokens_per_minute=tokens_per_minute,
            expires_in=expires_in,
            owner=owner,
        )
        return Request("POST", at("admin", "keys"), an_object, body=body)

    @call
    def rotate(self, name: str) -> Request[NewKeyDict]:
        """Replace the secret of a key, named by id, prefix or name; the old one is refused from the next request on."""
        return Request("POST", at("admin", "keys", name, "rotate"), an_object, body={})

    @call
    def revoke(self, name: str) -> Request[KeyDict]:
        """Revoke a key, named by id, prefix or name; it is refused from the next request on."""
        return Request("DELETE", at("admin", "keys", name), an_object)

    @call
    def update(self, key: str, **changes: Unpack[KeyChangesDict]) -> Request[KeyDict]:
        """Change a key, named by id, prefix or name, from its next request on: `name`, `scopes`, `models`, `bases`, limits, end.

        What is not named stays; None takes a limit away. `expires_in` is in seconds from now on.
        """
        return Request("PATCH", at("admin", "keys", key), an_object, body=dict(changes))

    @pages_call
    def iterate(self, *, limit: int = 100, after: str | None = None) -> Request[KeyDict]:
        """Every key, oldest first, including revoked ones, read `limit` at a time."""
        return Request("GET", at("admin", "keys"), an_object, given(limit=str(limit), after=after))

    @call
    def list(self, limit: int | None = None) -> Request[list[KeyDict]]:
        """The oldest 1,000 keys, including revoked ones; `iterate` has all."""
        query = given(limit=None if limit is None else str(limit))
        return Request("GET", at("admin", "keys"), data_of, query)


class UserCalls(CallGroup[S]):
    """Users who may log in: add, remove and list them."""

    @call
    def create(self, username: str, password: str, scopes: Sequence[str] | None = None) -> Request[UserDict]:
        """Add a user."""
        body = given(username=username, password=password, scopes=scopes)
        return Request("POST", at("admin", "users"), an_object, body=body)

    @call
    def remove(self, name: str) -> Request[UserDict]:
        """Remove a user by name or id; the user's logins end."""
        return Request("DELETE", at("admin", "users", name), an_object)

    @call
    def set_password(self, name: str, password: str) -> Request[UserDict]:
        """Give a user, named by name or id, another password; all the user's logins end."""
        return Request("POST", at("admin", "users", name, "password"), an_object, body={"password": password})

    @call
    def update(self, name: str, scopes: Sequence[str]) -> Request[UserDict]:
        """Give a user, named by name or id, other scopes, from the next request on."""
        return Request("PATCH", at("admin", "users", name), an_object, body={"scopes": list(scopes)})

    @pages_call
    def iterate(self, *, limit: int = 100, after: str | None = None) -> Request[UserDict]:
        """All users, oldest first, read `limit` at a time."""
        return Request("GET", at("admin", "users"), an_object, given(limit=str(limit), after=after))

    @call
    def list(self, limit: int | None = None) -> Request[list[UserDict]]:
        """The oldest 1,000 users; `iterate` has all."""
        query = given(limit=None if limit is None else str(limit))
        return Request("GET", at("admin", "users"), data_of, query)


class AuthCalls(CallGroup[S]):
    """Logins, sessions of browsers, and the identity of the caller."""

    @call
    def token(self, username: str, password: str) -> Request[TokensDict]:
        """Log in with name and password; the access token can be used like an API key."""
        return Request("POST", "/token", an_object, body={"username": username, "password": password})

    @call
    def refresh(self, refresh_token: str) -> Request[TokensDict]:
        """Exchange a refresh token for new tokens."""
        return Request("POST", at("auth", "refresh"), an_object, body={"refresh_token": refresh_token})

    @call
    def logout(self) -> Request[DoneDict]:
        """Revoke this client's token and its refresh token."""
        return Request("POST", at("auth", "logout"), an_object, body={})

    @call
    def me(self) -> Request[MeDict]:
        """The caller and its rights."""
        return Request("GET", at("auth", "me"), an_object)

    @call
    def change_password(self, old_password: str, new_password: str) -> Request[EndedLoginsDict]:
        """Change the caller's own password, which ends all the user's other logins."""
        body = {"old_password": old_password, "new_password": new_password}
        return Request("POST", at("auth", "password"), an_object, body=body)

    @call
    def begin_session(
        self, username: str | None = None, password: str | None = None, api_key: str | None = None
    ) -> Request[SessionDict]:
        """Begin a session, as the web page does: with name and password, with a key, or with nothing where none is required.

        The client keeps its cookie and sends it as long as it has no key of its own.
        """
        body = given(username=username, password=password, api_key=api_key)
        return Request("POST", at("auth", "sessions"), an_object, body=body)

    @call
    def sessions(self) -> Request[list[SessionDict]]:
        """The caller's own sessions, the most recently used first."""
        return Request("GET", at("auth", "sessions"), data_of)

    @call
    def end_session(self, session_id: str = "current") -> Request[DoneDict]:
        """End one of the caller's own sessions; by default the one of this client."""
        return Request("DELETE", at("auth", "sessions", session_id), an_object)

    @call
    def end_sessions(self) -> Request[EndedLoginsDict]:
        """Log out everywhere: all the caller's sessions end, and all tokens of a user's logins."""
        return Request("DELETE", at("auth", "sessions"), an_object)
