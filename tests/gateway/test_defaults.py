"""Defaults of a model in requests that do not say otherwise, and presets: other names of running models with defaults."""

from __future__ import annotations

import json
from typing import Any

import pytest

from modelyard.core.types import Preset, ReplicaState, RequestDefaults, Route, RouteTable, Task
from modelyard.gateway.defaults import with_defaults, with_messages, with_presets
from modelyard.gateway.model_call import json_call
from modelyard.gateway.paths import PATHS

CHAT, COMPLETIONS, EMBEDDINGS = "/v1/chat/completions", "/v1/completions", "/v1/embeddings"
PIRATE = RequestDefaults({"temperature": 0.5, "max_tokens": 9, "stop": ["Arr"]}, "You are a pirate.")
USER = {"role": "user", "content": "Hello"}
SYSTEM = {"role": "system", "content": "You are a pirate."}


def sent(path: str, body: dict[str, Any], defaults: RequestDefaults | None = PIRATE) -> dict[str, Any]:
    """The body of a request with the defaults of its model."""
    route = Route("m", "m", ReplicaState.READY, tasks=frozenset({Task.CHAT}), defaults=defaults)
    call = with_defaults(json_call(PATHS[path], json.dumps({"model": "m", **body}).encode()), route, PATHS[path])
    found: dict[str, Any] = json.loads(call.body)
    return found


def test_a_request_gets_what_it_lacks() -> None:
    found = sent(CHAT, {"messages": [USER], "seed": 3})
    assert found["messages"] == [SYSTEM, USER] and found["seed"] == 3
    assert (found["temperature"], found["max_tokens"], found["stop"]) == (0.5, 9, ["Arr"])


def test_what_a_request_has_is_kept() -> None:
    body = {"messages": [{"role": "system", "content": "Be dry."}, USER], "temperature": 0, "stop": "x"}
    found = sent(CHAT, {**body, "max_completion_tokens": 5, "top_p": None})
    assert found["messages"] == body["messages"] and found["temperature"] == 0 and found["stop"] == "x"
    assert "max_tokens" not in found


def test_null_asks_for_nothing() -> None:
    assert sent(CHAT, {"messages": [USER], "temperature": None})["temperature"] == 0.5


def test_completions_get_parameters_only() -> None:
    assert sent(COMPLETIONS, {"prompt": "a"}) == {
        "model": "m", "prompt": "a", "temperature": 0.5, "max_tokens": 9, "stop": ["Arr"],
    }  # fmt: skip


def test_conversations_are_counted_as_they_are_sent() -> None:
    assert sent("/tokenize", {"messages": [USER]}) == {"model": "m", "messages": [SYSTEM, USER]}
    assert sent("/tokenize", {"prompt": "a"}) == {"model": "m", "prompt": "a"}


@pytest.mark.parametrize(("path", "body"), [(EMBEDDINGS, {"input": "a"}), (CHAT, {"messages": [USER]})])
def test_other_tasks_and_models_stay_as_they_are(path: str, body: dict[str, Any]) -> None:
    defaults = PIRATE if path == EMBEDDINGS else None
    assert sent(path, body, defaults) == {"model": "m", **body}


def test_examples_stand_behind_the_system_message() -> None:
    examples = ({"role": "user", "content": "a"}, {"role": "assistant", "content": "b"})
    defaults = RequestDefaults(system="S", messages=examples)
    own = {"role": "system", "content": "own"}
    assert with_messages([USER], defaults) == [{"role": "system", "content": "S"}, *examples, USER]
    assert with_messages([own, USER], defaults) == [own, *examples, USER]
    assert with_messages([own], defaults) == [own, *examples]


def test_a_preset_is_the_route_of_its_model() -> None:
    table = RouteTable({"m": Route("m", "m", ReplicaState.READY), "taken": Route("taken", "taken", ReplicaState.READY)})
    presets = [Preset("pirate", "m", PIRATE), Preset("taken", "m", PIRATE), Preset("idle", "gone", PIRATE)]
    found = with_presets(table, presets).routes
    assert set(found) == {"m", "taken", "pirate"}
    assert (found["pirate"].name, found["pirate"].defaults) == ("m", PIRATE)
    assert found["m"].defaults is None and found["taken"].name == "taken"
