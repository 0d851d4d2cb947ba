"""Other names of models: which model a name stands for, and which entries of the setting are refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.core.access import Grant
from modelyard.core.aliases import Aliases, AliasRule, read_aliases
from modelyard.core.errors import PermissionDenied

RULES = "claude-*=qwen3, gpt-4o=small, gpt-*=qwen3, *-mini=small, kb-*=qwen3"


@pytest.fixture
def aliases() -> Aliases:
    made = Aliases(read_aliases(RULES))
    made.publish({"qwen3": "qwen3", "chat": "qwen3", "small": "small", "claude-lite": "claude-lite"})
    return made


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("qwen3", "qwen3"),
        ("chat", "qwen3"),
        ("claude-opus-4", "qwen3"),
        ("claude-", "qwen3"),
        ("claude-lite", "claude-lite"),
        ("gpt-4o", "small"),
        ("gpt-4o-mini", "qwen3"),
        ("o4-mini", "small"),
        ("-mini", "small"),
        ("mini", "mini"),
        ("Claude-opus", "Claude-opus"),
        ("", ""),
    ],
)
def test_a_name_stands_for_a_model(aliases: Aliases, name: str, model: str) -> None:
    assert aliases.model_of(name) == model


def test_the_aliases_of_a_model_are_those_that_lead_to_it(aliases: Aliases) -> None:
    assert list(aliases.of("qwen3")) == ["chat", "claude-*", "gpt-*", "kb-*"]
    assert list(aliases.of("small")) == ["gpt-4o", "*-mini"]
    aliases.publish({"qwen3": "qwen3", "small": "small", "gpt-4o": "gpt-4o"})
    assert list(aliases.of("small")) == ["*-mini"], "a model of that very name runs now"


def test_no_pattern_catches_a_knowledge_base() -> None:
    everything = Aliases(read_aliases("*=qwen3"))
    assert (everything.model_of("anything"), everything.model_of("kb:notes")) == ("qwen3", "kb:notes")
    assert Aliases(read_aliases("docs=kb:notes")).model_of("docs") == "kb:notes"


@given(st.text(max_size=6), st.text(max_size=6), st.text(max_size=12))
def test_a_star_stands_for_any_text(start: str, end: str, middle: str) -> None:
    rule = AliasRule(f"{start.replace('*', '')}*{end.replace('*', '')}", "m")
    name = rule.pattern.replace("*", middle)
    assert rule.matches(name) is not name.startswith("kb:")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("qwen3", "NAME=MODEL"),
        ("=qwen3", "NAME=MODEL"),
        ("gpt=", "NAME=MODEL"),
        ("g*p*=qwen3", "one '*' at most"),
        ("gpt=qw*", "a model's name has none"),
        ("gpt=gpt", "the model's own"),
        ("gpt=a,gpt=b", "both 'a' and 'b'"),
    ],
)
def test_a_wrong_entry_is_named(text: str, part: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        read_aliases(f"ok=fine,{text}")
    assert part in str(refused.value)


@pytest.mark.parametrize(
    ("allowed", "name", "admitted"),
    [
        ("qwen3", "claude-opus", True),
        ("qwen3", "chat", True),
        ("chat", "chat", True),
        ("chat", "qwen3", False),
        ("qwen3", "gpt-4o", False),
        ("qwen3", "claude-lite", False),
        ("claude-opus", "claude-opus", True),
        ("claude-opus", "claude-sonnet", False),
    ],
)
def test_a_key_for_a_model_is_one_for_its_aliases(aliases: Aliases, allowed: str, name: str, admitted: bool) -> None:
    grant = Grant("1", "k", frozenset(), frozenset({allowed}), aliases=aliases)
    if admitted:
        grant.check_model(name)
        return
    with pytest.raises(PermissionDenied, match=name):
        grant.check_model(name)
