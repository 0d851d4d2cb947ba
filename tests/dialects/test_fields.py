"""Every place in a good body of every dialect: null, of a wrong type, empty, huge, and half of a surrogate pair.

The answer is 200, or an error below 500 in the form of the dialect, whose sentence names the field or one that holds it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import msgspec
import pytest

from modelyard.dialects.paths import PATHS
from tests.dialects.bodies import GOOD, Place, changed, names, places, sentence
from tests.dialects.conftest import Served
from tests.dialects.scripts import Json

AT_ONCE = 4
WRONG: tuple[Any, ...] = ({"a": {"b": []}}, [["x"]], 5.5, "x", True)
EMPTY: tuple[Any, ...] = ("", [], {}, 0)
DEEP = "[" * 600 + "]" * 600
HUGE: tuple[Any, ...] = (10**30, -(2**63), 1e308, "x" * 50_000, ["x"] * 2000, {"a" * 5000: {"b": 1}}, json.loads(DEEP))
HALF = "\ud800"
NAMING: tuple[Place, ...] = (("model",), ("previous_response_id",), ("conversation",))
"""Fields that name something: the sentence says that there is no such thing."""
LONGEST = 2000
"""Characters of a sentence: it does not repeat what it is about, however long that is."""
CHANGES = {"/api/pull", "/api/push", "/api/delete", "/api/create", "/api/copy", "/api/blobs/{digest}"}
"""Paths that change what is on the machine; `tests/fuzz` sends them what is wrong."""


def cases(path: str) -> Iterator[tuple[Place, Any]]:
    """Places and values: each value for the fields of the body itself, and some of each kind further below."""
    body = GOOD[path]
    fields = [field.encode_name for field in msgspec.structs.fields(PATHS[path].request)]
    top: list[Place] = [(name,) for name in dict.fromkeys([*body, *fields])]
    for place in top:
        yield from ((place, value) for value in (None, *WRONG, *EMPTY, *HUGE, HALF))
    for number, place in enumerate(each for each in places(body) if len(each) > 1):
        several = (*WRONG[:2], *(kind[number % len(kind)] for kind in (WRONG[2:], EMPTY, HUGE)))
        yield from ((place, value) for value in (None, *several, HALF))


def fault(client: httpx.Client, path: str, place: Place, value: Any) -> str:
    """What is wrong with the answer; empty if nothing is."""
    body: Json = changed(GOOD[path], place, value)
    shown = f"{'.'.join(map(str, place))} = {json.dumps(value)[:60]}"
    try:
        answer = client.post(path, content=json.dumps(body), headers={"content-type": "application/json"})
    except httpx.HTTPError as error:
        return f"{shown}: {type(error).__name__}"
    if answer.status_code == 200:
        return ""
    if answer.status_code >= 500:
        return f"{shown}: {answer.status_code} {answer.text[:300]}"
    try:
        text = sentence(path, answer)
    except (AssertionError, ValueError, KeyError) as error:
        return f"{shown}: {error!r}: {answer.text[:300]}"
    if len(text) > LONGEST:
        return f"{shown}: a sentence of {len(text)} characters"
    if place in NAMING and " not found" in text:
        return ""
    return "" if names(text, place) else f"{shown}: names no field: {text[:300]}"


def test_every_path_has_a_good_body() -> None:
    paths = {path for path, each in PATHS.items() if each.method == "POST"}
    assert paths - CHANGES == set(GOOD)


@pytest.mark.parametrize("path", GOOD)
def test_a_field_that_is_odd(own_served: Served, path: str) -> None:
    with (
        httpx.Client(base_url=own_served.live.url, timeout=60) as client,
        ThreadPoolExecutor(AT_ONCE) as pool,
    ):
        good = client.post(path, json=GOOD[path])
        assert good.status_code == 200, good.text
        found = [each for each in pool.map(lambda case: fault(client, path, *case), cases(path)) if each]
    assert not found, "\n".join(found)
