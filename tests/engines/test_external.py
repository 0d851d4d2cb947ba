"""Somebody else's server: URLs, keys, and the sentences for what is wrong with them."""

from __future__ import annotations

import pytest

from modelyard.core.errors import InvalidParameter, UnknownOption
from modelyard.core.types import Address, Hardware, Json, Launch, Model, ModelType, Task
from modelyard.engines.base import Remote
from modelyard.engines.external import address_of, engine, with_key

LISTEN = Address()


def remote(kind: ModelType = ModelType.LLM, env: dict[str, str] | None = None, **options: Json) -> Remote:
    model = Model(name="gpt-x", type=kind, format="remote")
    return engine.command(Launch("pub", model, "external", options, env or {}), LISTEN, "")


def test_address_and_prefix_come_from_the_url() -> None:
    assert address_of("https://api.example.com/v1/") == Address(
        host="api.example.com", port=443, tls=True, prefix="/v1"
    )
    assert address_of("http://10.0.0.1:8000") == Address(host="10.0.0.1", port=8000, tls=False, prefix="")
    assert address_of("https://x.test/openai/v2").prefix == "/openai/v2"


@pytest.mark.parametrize(
    "url",
    ["", "api.example.com/v1", "ftp://x/v1", "https://", "http://x:99999/v1", "https://u:p@x/v1", "http://x/v1?a=b"],
)
def test_a_wrong_url_is_named(url: str) -> None:
    with pytest.raises(InvalidParameter, match="base_url"):
        address_of(url)


def test_the_key_of_the_environment_is_named_and_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", "sk-1\n")
    got = remote(base_url="https://x.test/v1", api_key_env="SOME_KEY", upstream_model="their-name")
    assert (got.key_variable, got.headers) == ("SOME_KEY", ())
    assert got.upstream_name == "their-name"
    assert got.tasks == {Task.CHAT, Task.COMPLETION}


def test_the_launch_may_bring_the_key() -> None:
    got = remote(env={"K": "abc"}, base_url="https://x.test/v1", api_key_env="K")
    assert (got.key_variable, got.headers) == ("", ((b"authorization", b"Bearer abc"),))


def test_without_a_key_no_header_and_the_model_keeps_its_name() -> None:
    got = remote(ModelType.RERANK, base_url="http://x.test/v1")
    assert not got.headers and got.upstream_name == "gpt-x" and got.tasks == {Task.RERANK}


def test_a_missing_variable_is_named() -> None:
    got = remote(base_url="https://x.test/v1", api_key_env="NO_SUCH_KEY")
    with pytest.raises(InvalidParameter, match="NO_SUCH_KEY"):
        with_key(got, {"NO_SUCH_KEY": " "})


def test_a_key_in_the_options_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="api_key_env"):
        remote(base_url="https://x.test/v1", api_key="sk-secret")


def test_unknown_options_are_refused() -> None:
    with pytest.raises(UnknownOption, match="base_url"):
        remote(base_urll="https://x.test/v1")


def test_it_fits_remote_models_only() -> None:
    nothing = Hardware(1, ())
    assert engine.fits(Model(name="m", format="remote"), nothing).score > 0
    fit = engine.fits(Model(name="m", format="ggufv2"), nothing)
    assert fit.score == 0 and "ggufv2" in fit.reason
