"""An OpenAI-compatible server run by others, as an engine: an address and a key, and nothing to start."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Annotated
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from modelyard.core.errors import InvalidParameter
from modelyard.core.trust import Privilege
from modelyard.core.types import Address, Footprint, Hardware, Json, Launch, Model, ModelType, Task
from modelyard.engines.base import Engine, Fit, Profile, Remote, read_options

NAME = "external"

TASKS = {
    ModelType.LLM: frozenset({Task.CHAT, Task.COMPLETION}),
    ModelType.EMBEDDING: frozenset({Task.EMBEDDING}),
    ModelType.RERANK: frozenset({Task.RERANK}),
    ModelType.IMAGE: frozenset({Task.IMAGE}),
    ModelType.AUDIO: frozenset({Task.SPEECH, Task.TRANSCRIPTION}),
    ModelType.VIDEO: frozenset({Task.VIDEO}),
}

PORTS = {"http": 80, "https": 443}
ALIASES = {"api_base": "base_url", "model": "upstream_model"}


class ExternalOptions(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Options of a launch on a server run by others."""

    base_url: Annotated[str, Meta(description="Where its API begins: https://api.example.com/v1; required")] = ""
    api_key_env: Annotated[
        str,
        Meta(
            description="Environment variable of our server that holds the key, sent only where MODELYARD_KEY_VARIABLES binds it"
        ),
    ] = ""
    upstream_model: Annotated[
        str, Meta(description="The model's name over there; the launch's model_name if empty")
    ] = ""


class External(Engine):
    """The registered engine."""

    name = NAME
    profile = Profile("external", types=tuple(TASKS), devices=frozenset({"cpu"}), weightless="remote")
    Options = ExternalOptions

    def fits(self, model: Model, hardware: Hardware) -> Fit:
        if model.format == self.profile.weightless:
            return Fit(100, "the model runs elsewhere")
        return Fit(0, f"it speaks to servers elsewhere and runs no files (format '{model.format}')")

    def footprint(self, launch: Launch) -> Footprint:
        return Footprint(0, 0, 0)

    def check(self, launch: Launch) -> None:
        self.command(launch, Address(), "")  # starts nothing, because a remote server is fully described by its options

    def command(self, launch: Launch, listen: Address, token: str) -> Remote:
        given: dict[str, Json] = {ALIASES.get(key, key): value for key, value in launch.options.items()}
        if "api_key" in given:
            raise InvalidParameter(
                "api_key",
                "keys are not stored; put it in an environment variable of the server and name that as api_key_env.",
            )
        options = read_options(NAME, ExternalOptions, given)
        own = launch.env.get(options.api_key_env, "")
        return Remote(
            address=address_of(options.base_url),
            tasks=TASKS[launch.model.type],
            headers=bearer(options.api_key_env, own) if own.strip() else (),
            upstream_name=options.upstream_model or launch.model.name,
            key_variable="" if own.strip() else options.api_key_env.strip(),
        )

    def privileges(self, launch: Launch) -> Iterable[Privilege]:
        """None: the owner's bindings decide where a key may be sent, whoever launches."""
        return ()


def address_of(base_url: str) -> Address:
    """Parse an API's base URL into host, port and prefix. Raises `InvalidParameter`."""
    if not base_url:
        raise InvalidParameter("base_url", "it is required: where the API begins, such as https://api.example.com/v1.")
    parts = urlsplit(base_url.strip())
    if parts.scheme not in PORTS or not parts.hostname:
        raise InvalidParameter("base_url", f"'{base_url}' is not an http:// or https:// URL.")
    if parts.query or parts.fragment or parts.username:
        raise InvalidParameter("base_url", "it may hold no user, query or fragment.")
    try:
        port = parts.port or PORTS[parts.scheme]
    except ValueError:
        raise InvalidParameter("base_url", f"'{base_url}' has an impossible port.") from None
    return Address(host=parts.hostname, port=port, tls=parts.scheme == "https", prefix=parts.path.rstrip("/"))


def with_key(remote: Remote, environment: Mapping[str, str]) -> Remote:
    """Add the key in its environment variable to a remote server. Raises `InvalidParameter` if the variable has no key.

    Whether the variable may be sent there must have been checked before.
    """
    if not remote.key_variable:
        return remote
    key = environment.get(remote.key_variable, "")
    if not key.strip():
        raise InvalidParameter("api_key_env", f"the server's environment has no variable '{remote.key_variable}'.")
    return replace(remote, headers=(*remote.headers, *bearer(remote.key_variable, key)))


def bearer(variable: str, value: str) -> tuple[tuple[bytes, bytes], ...]:
    """The header with a key. Raises `InvalidParameter` if the value is not valid in a header."""
    key = value.strip()
    if not key.isascii() or not key.isprintable():
        raise InvalidParameter(
            "api_key_env", f"the value of '{variable}' cannot be a key: it has characters no header takes."
        )
    return ((b"authorization", b"Bearer " + key.encode()),)


engine = External()
