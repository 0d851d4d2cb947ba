"""Made-up bodies for the inference paths of real engines: good ones, with a field or a place in them that is not."""

from __future__ import annotations

import json
import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from modelyard.core.types import Task
from modelyard.gateway.paths import PATHS
from tests.conformance.models import KINDS
from tests.engine_server import EngineServer, engine_server_in
from tests.fuzz.values import body_bytes, mutated, nasty

SECONDS = 120.0
"""After which a request counts as unanswered."""
KIND = {Task.CHAT: "chat", Task.COMPLETION: "chat", Task.EMBEDDING: "embedding", Task.RERANK: "rerank"}
ROWS = {row.task: (path, row.request.__struct_fields__) for path, row in PATHS.items() if row.task in KIND}

USER: dict[str, Any] = {"role": "user", "content": "Hello, who are you?"}
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}}
PARAMETERS = {"type": "object", "properties": {"place": {"type": "string", "enum": ["a", "b"]}}, "required": ["place"]}
TOOL = {"type": "function", "function": {"name": "weather", "description": "How it is", "parameters": PARAMETERS}}
CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"place": "a"}'}}
CALLED = [
    *(USER, {"role": "assistant", "content": None, "tool_calls": [CALL], "refusal": None}),
    {"role": "tool", "tool_call_id": "c1", "name": "weather", "content": "rain"},
]
TALKS: tuple[list[dict[str, Any]], ...] = (
    [USER],
    [{"role": "system", "content": "Be brief."}, USER, {"role": "assistant", "content": "I am."}, USER],
    [{"role": "user", "content": [{"type": "text", "text": "Hello"}, PICTURE]}],
    CALLED,
)
GOOD: dict[Task, tuple[dict[str, Any], ...]] = {
    Task.CHAT: tuple({"messages": talk, "max_tokens": 3} for talk in TALKS),
    Task.COMPLETION: tuple(
        {"prompt": prompt, "max_tokens": 3} for prompt in ("Once", ["a", "b"], [1, 2], [[1], [2, 3]])
    ),
    Task.EMBEDDING: tuple({"input": given} for given in ("Once", ["a", "b"], [1, 2], [[1], [2, 3]])),
    Task.RERANK: ({"query": "a", "documents": ["b", {"text": "c"}], "top_n": 1, "return_documents": True},),
}
FIELDS: dict[str, tuple[Any, ...]] = {
    "stream": (True, False),
    "stream_options": ({"include_usage": True},),
    "n": (1, 2),
    "temperature": (0, 1.5),
    "seed": (5, 2**40),
    "stop": ("a", ["a", "bc"]),
    "logprobs": (True, 1, 3),
    "top_logprobs": (2,),
    "logit_bias": ({"5": 10},),
    "tools": ([TOOL],),
    "tool_choice": ("auto", "none", "required", {"type": "function", "function": {"name": "weather"}}),
    "response_format": (
        {"type": "json_object"},
        {"type": "json_schema", "json_schema": {"name": "a", "schema": PARAMETERS, "strict": True}},
    ),
    "guided_choice": (["a", "b"],),
    "guided_json": (PARAMETERS,),
    "guided_grammar": ('root ::= "a"',),
    "chat_template_kwargs": ({"enable_thinking": False},),
    "echo": (True,),
    "dimensions": (4,),
    "encoding_format": ("base64",),
}
"""Values that engines take."""


@dataclass
class Found:
    """What one engine answered on one path."""

    title: str
    statuses: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


def made(task: Task, model: str, seed: int, number: int) -> bytes:
    """The body with a number; the same seed makes the same body."""
    chance = random.Random(f"{seed}:{task}:{number}")
    body: dict[str, Any] = {**chance.choice(GOOD[task])}
    fields = ROWS[task][1]
    known = [name for name in FIELDS if name in fields]
    for name in chance.sample(known, min(len(known), chance.choice((0, 1, 1, 2)))):
        body[name] = chance.choice(FIELDS[name])
    for name in chance.sample(fields, chance.choice((0, 0, 1))):
        body[name] = nasty(chance)
    body = mutated(body, chance, chance.choice((0, 1, 1, 2)))
    given = {**body, "model": model} if isinstance(body, dict) and chance.random() < 0.97 else body
    return json.dumps(given).encode() if chance.random() < 0.95 else body_bytes(given, chance)


def fuzz_path(server: EngineServer, engine: str, task: Task, count: int, seed: int, workers: int) -> Found:
    """Send `count` bodies to one path of one engine."""
    model = server.model(KIND[task], engine)
    path = ROWS[task][0]
    found = Found(f"{engine} {path}")
    with httpx.Client(base_url=server.live.url, timeout=SECONDS) as client, ThreadPoolExecutor(workers) as pool:

        def one(number: int) -> tuple[str, str]:
            content = made(task, model, seed, number)
            try:
                answer = client.post(path, content=content, headers={"content-type": "application/json"})
            except httpx.HTTPError as error:
                return type(error).__name__, f"#{number} {type(error).__name__}: {content[:1500]!r}"
            fault = f"#{number} {answer.status_code} {answer.text[:300]}: {content[:1500]!r}"
            return str(answer.status_code), fault if answer.status_code >= 500 else ""

        for status, fault in pool.map(one, range(count)):
            found.statuses[status] += 1
            if fault:
                found.faults.append(fault)
                print(f"FAULT {found.title}: {fault}", flush=True)
    return found


def fuzz_engines(folder: Path, engines: list[str], count: int, seed: int, workers: int) -> int:
    """Send `count` bodies to each inference path of each engine, and print faults as they come; their number."""
    faults = 0
    with engine_server_in(folder) as server:
        for engine in engines:
            for task in (task for task in KIND if engine in KINDS[KIND[task]]):
                found = fuzz_path(server, engine, task, count, seed, workers)
                statuses = ", ".join(f"{status} × {times}" for status, times in sorted(found.statuses.items()))
                print(f"== {found.title}: {statuses}", flush=True)
                faults += len(found.faults)
    return faults
