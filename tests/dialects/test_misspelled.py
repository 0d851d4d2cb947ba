"""Misspelled fields of requests: named with the one that was meant, while fields of other servers pass."""

from __future__ import annotations

import json
from typing import Any

import pytest

from modelyard.core.errors import InvalidParameter, UnsupportedParameter
from modelyard.dialects.anthropic import features as anthropic
from modelyard.dialects.features import CHAT_FIELDS, Table, other_fields
from modelyard.dialects.ollama.features import CHAT
from modelyard.dialects.ollama.options import sampling
from modelyard.dialects.responses import features as responses
from modelyard.protocol.inference import ChatRequest, CompletionRequest
from modelyard.protocol.misspelled import distance, meant
from modelyard.protocol.requests import read

OF_OTHERS = (
    *("models", "route", "provider", "plugins", "top_a", "typical", "min_new_tokens", "max_new_tokens", "random_seed"),
    *("safe_prompt", "search_parameters", "enable_search", "ttl", "draft_model", "num_ctx", "smoothing_factor", "tfs"),
    *("temperature_last", "dynatemp_low", "dynatemp_max", "thinking", "extra_body", "usage", "trace", "prediction"),
)
"""Fields of other servers."""


@pytest.mark.parametrize(
    ("name", "near"),
    [
        *(("temprature", "temperature"), ("max_token", "max_tokens"), ("guided_regx", "guided_regex")),
        *(("tempreature", "temperature"), ("modl", None), ("seeds", None), ("models", None)),
    ],
)
def test_the_nearest_field_is_meant(name: str, near: str | None) -> None:
    assert meant(name, ("model", "seed", "max_tokens", "temperature", "guided_regex")) == near


@pytest.mark.parametrize(
    ("name", "other", "letters"),
    [("abc", "abc", 0), ("abc", "acb", 1), ("abc", "ab", 1), ("", "ab", 2), ("kitten", "sitting", 3)],
)
def test_the_distance_counts_swapped_letters_once(name: str, other: str, letters: int) -> None:
    assert distance(name, other) == distance(other, name) == letters


@pytest.mark.parametrize("kind", [ChatRequest, CompletionRequest])
def test_a_misspelled_field_of_a_chat_is_named(kind: type[Any]) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "x"}], "prompt": "x"}
    with pytest.raises(InvalidParameter, match=r"'max_token'.*Did you mean 'max_tokens'") as error:
        read(json.dumps({**body, "max_token": 4}).encode(), kind, None)
    assert error.value.param == "max_token"
    new = [name for name in OF_OTHERS if name not in CHAT_FIELDS]
    read(json.dumps({**body, **dict.fromkeys(new, 1)}).encode(), kind, None)


@pytest.mark.parametrize("table", [responses.FIELDS, anthropic.FIELDS, CHAT])
def test_a_misspelled_field_of_a_dialect_is_named(table: Table) -> None:
    known = "temperature" if "temperature" in table else "enable_thinking"
    with pytest.raises(InvalidParameter, match=f"'{known}s'.*Did you mean '{known}'"):
        other_fields(json.dumps({"model": "m", f"{known}s": 1}).encode(), "m", table)
    engines = {name: 1 for name in (CHAT_FIELDS | {*OF_OTHERS}) if name not in table}
    assert set(other_fields(json.dumps(engines).encode(), "m", table)) == set(engines)


def test_an_option_of_ollama_that_no_engine_has_is_refused() -> None:
    with pytest.raises(UnsupportedParameter, match=r"'options\.temprature'.*Did you mean 'temperature'"):
        sampling({"temprature": 1}, "m")
    with pytest.raises(UnsupportedParameter, match=r"'options\.nothing_at_all'"):
        sampling({"nothing_at_all": 1}, "m")
    assert sampling({"xtc_probability": 0.1, "unknown": None}, "m") == {"xtc_probability": 0.1}
