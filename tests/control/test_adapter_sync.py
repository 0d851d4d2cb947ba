"""What is done next about the adapters of a replica: pure, and it always ends where it should."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.control.adapter_files import separated
from modelyard.control.adapter_sync import LoadAdapter, UnloadAdapter, next_change, said
from modelyard.core.errors import InvalidParameter
from modelyard.core.types import Adapter
from modelyard.protocol.models import LaunchRequest

adapters = st.builds(Adapter, st.sampled_from("abc"), st.sampled_from(["/1", "/2"]))
sets = st.lists(adapters, max_size=3, unique_by=lambda adapter: adapter.name)


@given(sets, sets, sets)
def test_it_ends_with_what_is_wanted(wanted: list[Adapter], loaded: list[Adapter], failed: list[Adapter]) -> None:
    held = {adapter.name: adapter for adapter in loaded}
    for _ in range(10):
        change = next_change(wanted, held, failed)
        if change is None:
            break
        if isinstance(change, UnloadAdapter):
            assert change.adapter not in wanted
            del held[change.adapter.name]
        else:
            assert isinstance(change, LoadAdapter) and change.adapter.name not in held, (
                "never over another of that name"
            )
            held[change.adapter.name] = change.adapter
    assert set(held.values()) <= set(wanted)
    assert set(wanted) - set(held.values()) <= set(failed)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"error": {"message": "no", "code": 400}}', "no"),
        ('{"message": "flat"}', "flat"),
        ('{"error": "short"}', "short"),
        ("plain\n", "plain"),
        ("", ""),
    ],
)
def test_what_engines_say_when_they_refuse(text: str, sentence: str) -> None:
    assert said(text) == sentence


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["a"], "'a' is not of the form name=path"),
        (["=x"], "not of the form"),
        ("[1", "not JSON"),
        ([{"name": "a"}], "needs a name and a path"),
        ([{"name": "a", "path": "/x", "scale": "much"}], "scale of 'a'"),
        (5, "list of name=path"),
    ],
)
def test_modules_that_cannot_be_read(given: object, words: str) -> None:
    with pytest.raises(InvalidParameter, match=words):
        separated(LaunchRequest.model_validate({"model_name": "m", "lora_modules": given}))
