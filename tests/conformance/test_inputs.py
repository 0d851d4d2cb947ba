"""Every optional field of every inference body on every engine: null, of a wrong type, empty, huge, with half a surrogate pair.

The answer is 200, or a 400 that names the field; never a 500, and never none. The fields come from the structs, so that a new one
joins by itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx
import msgspec
import pytest

from modelyard.core.types import Task
from modelyard.gateway.paths import PATHS, InferencePath
from tests.conformance.models import KINDS
from tests.engine_server import EngineServer

pytestmark = pytest.mark.timeout(600)

NEEDED: dict[Task, dict[str, Any]] = {
    Task.CHAT: {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 1},
    Task.COMPLETION: {"prompt": "Hello", "max_tokens": 1},
    Task.EMBEDDING: {"input": "Hello"},
    Task.RERANK: {"query": "Hello", "documents": ["a", "b"]},
}
KIND = {Task.CHAT: "chat", Task.COMPLETION: "chat", Task.EMBEDDING: "embedding", Task.RERANK: "rerank"}
ROWS: dict[Task, tuple[str, InferencePath]] = {
    row.task: (path, row) for path, row in PATHS.items() if row.task in NEEDED
}

WRONG: tuple[Any, ...] = ([["x"]], "x", {"a": {}}, 5)
EMPTY: tuple[Any, ...] = ("", [], {}, 0)
HUGE: tuple[Any, ...] = (
    *(10**30, 2**31, -(2**63), 1e308, "x" * 100_000, ["x"] * 2000, [1] * 2000, [2**31 - 1]),
    *({str(number): 1 for number in range(2000)}, {"a" * 100_000: "b"}, [{"a": "b" * 1000}] * 50),
)
ALSO = {
    "suffix": "prompt",  # the two are too long together
    "max_completion_tokens": "max_tokens",  # vLLM's name of both
    "grammar": "guided_grammar",  # the same by its name in vLLM
}
"""What a refusal may name instead."""
AT_ONCE = 8
SECONDS = 120.0


@dataclass(frozen=True)
class Sent:
    """A request with one field that is not as usual."""

    field: str
    body: bytes
    null: bool = False


def requests(task: Task, model: str) -> Iterator[Sent]:
    for field in msgspec.structs.fields(ROWS[task][1].request):
        if field.required:
            continue
        base = {"model": model, **NEEDED[task]}
        if field.encode_name == "max_tokens" and task is Task.CHAT:
            base["max_completion_tokens"] = 1
        wrong = [value for value in WRONG if not _fits(value, field.type)][:1]
        for value in (None, *wrong, *EMPTY, *HUGE, "\ud800"):
            yield Sent(field.encode_name, json.dumps({**base, field.encode_name: value}).encode(), value is None)


def _fits(value: Any, kind: Any) -> bool:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    return True


def fault(client: httpx.Client, path: str, sent: Sent) -> str:
    """What is wrong with the answer; empty if nothing is."""
    shown = f"{sent.field}: {sent.body[:160]!r}"
    try:
        answer = client.post(path, content=sent.body, headers={"content-type": "application/json"})
    except httpx.HTTPError as error:
        return f"{shown} -> {type(error).__name__}"
    if answer.status_code == 200:
        return ""
    if answer.status_code != 400 or sent.null:
        return f"{shown} -> {answer.status_code} {answer.text[:200]}"
    param = str(answer.json()["error"]["param"])
    named = param.partition(".")[0].partition("[")[0]
    return "" if named in (sent.field, ALSO.get(sent.field)) else f"{shown} -> names {param}: {answer.text[:200]}"


CASES = [(task, engine) for task in NEEDED for engine in KINDS[KIND[task]] if engine != "fake"]


@pytest.mark.parametrize(("task", "engine"), CASES)
def test_a_field_that_is_odd(engine_server: EngineServer, task: Task, engine: str) -> None:
    model = engine_server.model(KIND[task], engine)
    path = ROWS[task][0]
    with httpx.Client(base_url=engine_server.live.url, timeout=SECONDS) as client, ThreadPoolExecutor(AT_ONCE) as pool:
        found = pool.map(lambda sent: fault(client, path, sent), requests(task, model))
    wrong = [each for each in found if each]
    assert not wrong, "\n".join(wrong)
