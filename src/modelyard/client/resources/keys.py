"""`client.keys`, `client.users` and `client.auth`: keys, users and logins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from modelyard.client.calls import CallGroup, S, call
from modelyard.client.request import Request, a_list, an_object, at, given

if TYPE_CHECKING:
    from modelyard.client.account_types import KeyDict, MeDict, NewKeyDict, TokensDict, UserDict
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
    def list(self) -> Request[list[KeyDict]]:
        """Every key, including revoked ones."""
        return Request("GET", at("admin", "keys"), a_list)


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
    def list(self) -> Request[list[UserDict]]:
        """All users."""
        return Request("GET", at("admin", "users"), a_list)


class AuthCalls(CallGroup[S]):
    """Logins, and the identity of the caller."""

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
