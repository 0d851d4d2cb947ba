"""Where keys of the server's environment may be sent."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from modelyard.core.config import Settings
from modelyard.core.errors import PermissionDenied
from modelyard.core.key_variables import check_binding, read_bindings
from modelyard.core.types import Address


def allowed(variable: str, text: str = "", host: str = "api.openai.com", port: int = 443, tls: bool = True) -> bool:
    try:
        check_binding(variable, Address(host=host, port=port, tls=tls), read_bindings(text))
    except PermissionDenied:
        return False
    return True


def test_well_known_keys_go_to_their_provider_over_tls_only() -> None:
    assert allowed("OPENAI_API_KEY")
    assert allowed("OPENAI_API_KEY", host="API.OpenAI.com.")
    assert not allowed("OPENAI_API_KEY", tls=False, port=80)
    assert not allowed("OPENAI_API_KEY", tls=False)
    assert not allowed("OPENAI_API_KEY", port=8443)
    assert not allowed("OPENAI_API_KEY", host="api.openai.com.evil.example")
    assert not allowed("OPENAI_API_KEY", host="evil.example")
    assert not allowed("OPENAI_API_KEY", host="x.api.openai.com")
    assert not allowed("ANTHROPIC_API_KEY") and allowed("ANTHROPIC_API_KEY", host="api.anthropic.com")


@pytest.mark.parametrize(
    "variable", ["HOME", "PATH", "", "openai_api_key", "OPENAI_API_KEY ", "MODELYARD_TAVILY_API_KEY"]
)
def test_nothing_else_goes_anywhere(variable: str) -> None:
    assert not allowed(variable)


def test_the_owner_binds_more() -> None:
    text = "MINE=llm.example, MINE=http://127.0.0.1:8000 ,OPENAI_API_KEY=proxy.example:8443,V6=http://[::1]:9"
    assert allowed("MINE", text, "llm.example") and not allowed("MINE", text, "llm.example", 80, tls=False)
    assert allowed("MINE", text, "127.0.0.1", 8000, tls=False) and not allowed("MINE", text, "127.0.0.1", 8000)
    assert allowed("OPENAI_API_KEY", text, "proxy.example", 8443) and allowed("OPENAI_API_KEY", text)
    assert allowed("V6", text, "::1", 9, tls=False)


@pytest.mark.parametrize(
    "text",
    ["MINE", "=x", "MINE=", "MINE=ftp://x", "MINE=x/path", "MINE=*.example", "MINE=u@x", "modelyard_auth=x", "A=x:y"],
)
def test_a_binding_that_cannot_be_read_keeps_the_server_from_starting(text: str) -> None:
    with pytest.raises(ValidationError):
        Settings(key_variables=text)


def test_a_refusal_says_what_to_set() -> None:
    with pytest.raises(
        PermissionDenied, match=r"'MINE'.* is bound to no host.*MODELYARD_KEY_VARIABLES=MINE=http://h:81"
    ):
        check_binding("MINE", Address(host="h", port=81), read_bindings(""))
    with pytest.raises(PermissionDenied, match=r"is bound to https://api\.openai\.com only"):
        check_binding("OPENAI_API_KEY", Address(host="h", port=443, tls=True), read_bindings(""))
    with pytest.raises(PermissionDenied, match="never sent"):
        check_binding("MODELYARD_X", Address(host="h", port=443, tls=True), {"MODELYARD_X": frozenset()})
