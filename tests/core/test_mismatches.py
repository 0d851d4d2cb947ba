"""What msgspec and pydantic say about wrong values is said in words of the API."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

import msgspec
import pydantic
import pytest
from msgspec import Meta

from modelyard.core.mismatches import field_problem, reworded


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Part(msgspec.Struct):
    colour: Colour | None = None
    kind: Literal["a", "b"] = "a"


class Body(msgspec.Struct):
    count: int = 0
    share: Annotated[float, Meta(ge=0, le=2)] | None = None
    name: Annotated[str, Meta(min_length=2)] = "ab"
    pair: tuple[int, int] = (0, 0)
    parts: Annotated[list[Part], Meta(max_length=1)] = []
    by_name: dict[str, Part] = {}
    either: int | str | list[int] | None = None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"count": "a"}', "it must be an integer, not a text"),
        ('{"count": 1.5}', "it must be an integer, not a number with a fraction"),
        ('{"count": null}', "it must be an integer, not null"),
        ('{"share": true}', "it must be a number or null, not true or false"),
        ('{"share": 3}', "it must be a number, at most 2"),
        ('{"share": -1}', "it must be a number, at least 0"),
        ('{"name": "a"}', "it must have at least 2 characters"),
        ('{"pair": [1]}', "it must have exactly 2 items"),
        ('{"parts": [{}, {}]}', "it must have at most 1 item"),
        ('{"parts": {}}', "it must be a list, not an object"),
        ('{"parts": [{"colour": "x"}]}', "it must be one of red, blue, not 'x'"),
        ('{"parts": [{"kind": "x"}]}', "it must be one of a, b, not 'x'"),
        ('{"by_name": {"q": {"colour": "x"}}}', "it must be one of red, blue, not 'x'"),
        ('{"either": {}}', "it must be an integer or a text or a list or null, not an object"),
    ],
)
def test_msgspecs_sentences_are_reworded(text: str, expected: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.json.decode(text, type=Body)
    problem, _, place = str(caught.value).partition(" - at `$.")
    assert reworded(problem, Body, place.rstrip("`")) == expected


class Form(pydantic.BaseModel, extra="forbid"):
    count: int = pydantic.Field(1, ge=1)
    flag: bool = False
    name: str = ""


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"count": "a"}, "it should be an integer"),
        ({"count": 0}, "it should be greater than or equal to 1"),
        ({"flag": "perhaps"}, "it should be true or false"),
        ({"name": 1}, "it should be a text"),
        ({"other": 1}, "there is no such field here"),
    ],
)
def test_pydantics_sentences_are_reworded(body: dict[str, object], expected: str) -> None:
    with pytest.raises(pydantic.ValidationError) as caught:
        Form.model_validate(body)
    [found] = caught.value.errors()
    assert field_problem(found["type"], found["msg"]) == expected
