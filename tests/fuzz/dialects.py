"""Made-up requests for the paths of other vendors' APIs: good bodies, with fields and places in them that are not."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import msgspec

from modelyard.dialects.paths import PATHS
from tests.api.knowing import Base
from tests.dialects.bodies import GOOD, sentence
from tests.dialects.scripts import Json
from tests.fuzz.run import tracebacks
from tests.fuzz.values import body_bytes, mutated, nasty
from tests.live import Live, live

SECONDS = 60.0
"""After which a request counts as unanswered."""
DECLARED = frozenset({501, 502, 503, 504})
"""Statuses of 500 and above that answers may have, with a sentence: an engine that is not there, or does not answer."""
CHANGING: dict[str, Json] = {
    "/api/pull": {"model": "gone", "stream": False},
    "/api/push": {"model": "gone", "stream": True},
    "/api/delete": {"model": "gone"},
    "/api/create": {"model": "made", "from": "gone", "system": "Be nice.", "parameters": {"temperature": 1}},
    "/api/copy": {"source": "gone", "destination": "made"},
}
"""Bodies for paths that change what is on the machine; they name nothing that is there."""
MODELS = ("fake", "fake", "fake", "vectors", "scorer", "kb:base", "gone", "fake:latest")
ENDINGS: dict[str, Callable[[bytes], bool]] = {
    "text/event-stream": lambda data: data.endswith(b"\n\n"),
    "application/x-ndjson": lambda data: data.endswith(b"\n") and all(map(json.loads, data.splitlines())),
}
"""Content type of a stream → whether its bytes are whole."""


@dataclass
class DialectFindings:
    """What the server answered."""

    statuses: dict[str, Counter[int]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    named: int = 0
    """Errors with status 400 whose sentence names something between quotes."""
    unnamed: Counter[str] = field(default_factory=Counter)
    """Beginnings of the sentences of those that do not."""
    tracebacks: Counter[str] = field(default_factory=Counter)

    @property
    def requests(self) -> int:
        """The number of requests that were answered."""
        return sum(sum(each.values()) for each in self.statuses.values())


@dataclass(frozen=True, slots=True)
class DialectRequest:
    """One request."""

    method: str
    path: str
    """As `PATHS` has it."""
    target: str
    content: bytes


def made(seed: int, number: int) -> DialectRequest:
    """The request with a number; the same seed makes the same one."""
    chance = random.Random(f"{seed}:{number}")
    path = chance.choice(sorted(PATHS))
    method = PATHS[path].method
    if method == "GET":
        return DialectRequest(method, path, target(path, chance), b"")
    fields = PATHS[path].request.__struct_fields__
    body: Any = {**(GOOD.get(path) or CHANGING.get(path) or {})}
    for name in chance.sample(fields, min(len(fields), chance.choice((0, 0, 1, 2)))):
        if name in GOOD.get(path, {}):
            del body[name]
    for name in chance.sample(fields, min(len(fields), chance.choice((0, 0, 1)))):
        body[name] = nasty(chance)
    if "stream" in fields and chance.random() < 0.4:
        body["stream"] = True
    body = mutated(body, chance, chance.choice((0, 0, 1, 1, 2, 4)))
    if isinstance(body, dict) and path in GOOD and chance.random() < 0.9:
        body["model"] = chance.choice((GOOD[path]["model"], *MODELS))
    content = body_bytes(body, chance) if chance.random() < 0.15 else json.dumps(body).encode()
    return DialectRequest(method, path, target(path, chance), content)


def target(path: str, chance: random.Random) -> str:
    """The path with something for each of its parameters, but no slash, which would make it another path."""
    values = (
        "sha256:" + "0" * 64,
        "sha256:x",
        "resp_" + "0" * 40,
        "1",
        "..x",
        str(nasty(chance))[:300].replace("/", "x"),
    )
    escaped = [quote(each.encode("utf-8", "surrogatepass"), safe="") or "x" for each in values]
    escaped = [each.replace("..", "%2E%2E") for each in escaped]  # the client would take them for the folder above
    return re.sub(r"\{[^}]*\}", lambda _: chance.choice(escaped), path)


def judge(found: DialectFindings, request: DialectRequest, answer: httpx.Response) -> str:
    """Why an answer is a finding; empty if it is none."""
    found.statuses.setdefault(request.path, Counter())[answer.status_code] += 1
    if answer.status_code < 400:
        kind = answer.headers.get("content-type", "").partition(";")[0]
        whole = ENDINGS.get(kind)
        return (
            "" if whole is None or whole(answer.content) else f"a stream that is not whole: {answer.content[-200:]!r}"
        )
    if answer.status_code >= 500 and answer.status_code not in DECLARED:
        return f"status {answer.status_code}"
    try:
        text = sentence(request.path, answer)
    except (AssertionError, ValueError, KeyError, msgspec.ValidationError) as error:
        return f"status {answer.status_code} in another form: {error!r}"
    if answer.status_code == 400:
        if "'" in text:
            found.named += 1
        else:
            found.unnamed[text[:60]] += 1
    return "" if len(text.split()) > 2 else f"status {answer.status_code} without a sentence: {text!r}"


def prepared(server: Live) -> None:
    """Models and a base."""
    server.launched("fake")
    server.launched("vectors", model_type="embedding", model_name="fake")
    server.launched("scorer", model_type="rerank", model_name="fake")
    Base.made(server, "base", chat_model="fake").add({"a.md": b"# Pumps\n\nA pump.\n"})


def fuzz_dialects(folder: Path, count: int, seed: int, workers: int = 4) -> DialectFindings:
    """Send `count` requests to a server of its own."""
    found = DialectFindings()
    apart = {"HOME": str(folder), "HF_HOME": str(folder / "hf"), "MODELSCOPE_CACHE": str(folder / "ms")}
    with live(folder / "home", {"HF_HUB_OFFLINE": "1", **apart}) as server:
        prepared(server)
        with httpx.Client(base_url=server.url, timeout=SECONDS) as client, ThreadPoolExecutor(workers) as pool:

            def one(number: int) -> str:
                request = made(seed, number)
                shown = f"#{number} {request.method} {request.target} {request.content[:1500]!r}"
                headers = {"content-type": "application/json"}
                try:
                    answer = client.request(request.method, request.target, content=request.content, headers=headers)
                except httpx.HTTPError as error:
                    return f"{type(error).__name__}: {shown}"
                fault = judge(found, request, answer)
                return f"{fault}: {answer.text[:300]}: {shown}" if fault else ""

            found.faults = [fault for fault in pool.map(one, range(count)) if fault]
            if client.get("/health").status_code != 200:
                found.faults.append("the server does not answer any more")
        found.tracebacks = tracebacks(server.output())
    return found


def report_dialects(found: DialectFindings) -> int:
    """Print what was found; returns the number of faults."""
    for path, statuses in sorted(found.statuses.items()):
        print(f"{path:32} " + " ".join(f"{status}:{count}" for status, count in sorted(statuses.items())))
    print(f"{found.requests} answers; {found.named} errors with status 400 name a field, and of those that name none:")
    print("\n".join(f"  × {count} {text}" for text, count in found.unnamed.most_common(12)))
    print("\n".join(f"traceback × {count}: {last}" for last, count in found.tracebacks.most_common(12)))
    kinds = Counter(each.partition(": ")[0] for each in found.faults)
    print("\n".join(f"FAULT × {count}: {kind}" for kind, count in kinds.most_common()))
    print("\n".join(found.faults[:20]))
    return len(found.faults)
