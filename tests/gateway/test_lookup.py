"""Routes of requests: found by name, by knowledge base and by what a key may use; refused with what would work."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec import UNSET

from modelyard.core.access import Grant
from modelyard.core.aliases import NO_ALIASES, Aliases, read_aliases
from modelyard.core.config import Settings
from modelyard.core.errors import (
    ModelNotFound,
    ModelNotReady,
    ModelyardError,
    PermissionDenied,
    RateLimited,
    UnsupportedParameter,
    UnsupportedTask,
)
from modelyard.core.rules import Honour, Inside, Refuse, Rename, Replace, Rules, Wrap
from modelyard.core.traffic import Traffic
from modelyard.core.types import Address, Endpoint, ReplicaState, Route, RouteTable, Task
from modelyard.gateway import lookup, parameters
from modelyard.gateway.app import Gateway
from modelyard.gateway.exchange import Exchange
from modelyard.gateway.form import ByteSpan
from modelyard.gateway.middleware.tally import Tallies
from modelyard.gateway.model_call import ModelCall
from modelyard.gateway.parameters import refusals, rewrites, uses, value
from modelyard.gateway.paths import PATHS
from modelyard.gateway.relay import PENALTY_SECONDS, Relay, RelayRequest
from modelyard.gateway.upstream import Pool
from modelyard.protocol.requests import read

CHAT = "/v1/chat/completions"
HERE = (Endpoint("r", Address(port=1)),)


def route(name: str = "m", *, ready: bool = True, **more: Any) -> Route:
    state = ReplicaState.READY if ready else ReplicaState.STARTING
    fields: dict[str, Any] = {"tasks": frozenset({Task.CHAT}), "endpoints": HERE if ready else (), "state": state}
    return Route(name, name, **{**fields, **more})


def call(path: str = CHAT, **body: Any) -> ModelCall:
    given = {"model": "m", "messages": [{"role": "user", "content": "hi"}], **body}
    row = PATHS[path]
    request, data = read(json.dumps(given).encode(), row.request, row.plain)
    return ModelCall(data, request, str(given["model"]))


def table(*routes: Route) -> RouteTable:
    return RouteTable({each.name: each for each in routes})


def grant(*models: str, bases: dict[str, str] | None = None) -> Grant:
    return Grant("1", "key", frozenset({"models:read"}), frozenset(models), bases=bases)


# Names


def test_an_unknown_name_hears_of_models_that_run_and_of_the_nearest() -> None:
    known = table(route("qwen"), route("alpha"), route("quen", ready=False), *(route(f"z{n:02}") for n in range(30)))
    assert lookup.find(known, NO_ALIASES, "qwen").name == "qwen"
    with pytest.raises(ModelNotFound) as error:
        lookup.find(known, NO_ALIASES, "qwem")
    said = error.value.message
    assert "Did you mean 'qwen'" in said and "Running: alpha, qwen, z00" in said
    assert said.count(", ") == 19 and "quen," not in said, "twenty names at most, and only of models that run"


@pytest.mark.parametrize(
    ("name", "near"), [("demo", "modelyard-demo"), ("kb:dem", "kb:demo"), ("handbok", "kb:handbook"), ("zzz", None)]
)
def test_a_model_is_suggested_before_a_base(name: str, near: str | None) -> None:
    known = table(route("kb:demo"), route("kb:handbook"), route("modelyard-demo"))
    with pytest.raises(ModelNotFound) as error:
        lookup.find(known, NO_ALIASES, name)
    assert (f"Did you mean '{near}'?" in error.value.message) == (near is not None)


def test_a_key_hears_of_its_own_models_alone() -> None:
    known = table(route("mine"), route("theirs"), route("kb:base"))
    with pytest.raises(PermissionDenied):
        lookup.find(known, NO_ALIASES, "theirs", grant("mine"))
    with pytest.raises(PermissionDenied):
        lookup.find(known, NO_ALIASES, "nobody", grant("mine"))
    with pytest.raises(ModelNotFound) as error:
        lookup.find(known, NO_ALIASES, "mine2", grant("mine", "mine2"))
    assert "Running: mine." in error.value.message and "theirs" not in error.value.message


def test_a_request_with_bases_goes_to_the_first_and_may_use_each() -> None:
    known = table(route("m"), route("kb:a"), route("kb:b"))
    both = call(knowledge={"bases": ["b", "a"]})
    assert lookup.find_for(known, NO_ALIASES, both, None).name == "kb:b"
    assert lookup.find_for(known, NO_ALIASES, call(), None).name == "m"
    assert lookup.find_for(known, NO_ALIASES, both, grant("m", bases={"a": "read", "b": "read"})).name == "kb:b"
    for less in (grant("m", bases={"b": "read"}), grant("n", bases={"a": "read", "b": "read"})):
        with pytest.raises(PermissionDenied):
            lookup.find_for(known, NO_ALIASES, both, less)
    for missing in ({"bases": ["a", "c"]}, {"bases": ["c"]}):
        with pytest.raises(ModelNotFound):
            lookup.find_for(known, NO_ALIASES, call(knowledge=missing), None)
    with pytest.raises(ModelNotFound):
        lookup.find_for(table(route("kb:a")), NO_ALIASES, call(knowledge={"bases": ["a"]}), None)


async def nothing(scope: Any, receive: Any, send: Any) -> None:
    """An app that does nothing."""


@pytest.mark.parametrize(
    ("found", "task", "error"),
    [
        (route(), Task.CHAT, None),
        (route(), Task.EMBEDDING, UnsupportedTask),
        (route(tasks=frozenset()), Task.CHAT, UnsupportedTask),
        (route(ready=False), Task.EMBEDDING, UnsupportedTask),
        (route(ready=False), Task.CHAT, ModelNotReady),
        (route(ready=False, tasks=frozenset()), Task.CHAT, ModelNotReady),
        (route(ready=False, app=nothing), Task.CHAT, None),
        (route(ready=False, app=nothing, tasks=frozenset()), Task.CHAT, UnsupportedTask),
        (route(rules=Rules({Task.CHAT: {"seed": Refuse("no")}})), Task.CHAT, UnsupportedParameter),
        (route(ready=False, rules=Rules({Task.CHAT: {"seed": Refuse("no")}})), Task.CHAT, UnsupportedParameter),
    ],
)
def test_a_route_serves_its_tasks_where_something_answers(
    found: Route, task: Task, error: type[ModelyardError] | None
) -> None:
    if error is None:
        lookup.check(found, task, call(seed=5))
        return
    with pytest.raises(error):
        lookup.check(found, task, call(seed=5))


# Parameters


def given(rules: Rules, **body: Any) -> tuple[list[str], dict[str, Any]]:
    """The refused parameters of a chat, and its rewritten ones."""
    asked, there = call(**body), route(rules=rules)
    return [name for name, _ in refusals(there, Task.CHAT, asked)], rewrites(there, Task.CHAT, asked)


def test_a_rule_applies_to_plain_bodies_too() -> None:
    rules = Rules({Task.CHAT: {"max_tokens": Refuse("no"), "top_k": Refuse("neither")}})
    assert given(rules, max_tokens=5) == (["max_tokens"], {})
    assert given(rules, temperature=0.5) == ([], {})
    assert given(rules, top_k=5) == (["top_k"], {})
    honoured = Rules({Task.CHAT: {"max_tokens": Rename("n_predict"), "top_k": Refuse("no")}})
    assert given(honoured, max_tokens=5) == ([], {}), "what every engine takes as it is needs no look"
    assert not parameters.refuses_plain(honoured, Task.CHAT) and parameters.refuses_plain(rules, Task.CHAT)
    assert not parameters.refuses_plain(rules, Task.COMPLETION)


def test_a_parameter_may_be_refused_beside_another_only() -> None:
    rules = Rules({Task.CHAT: {"logprobs": Refuse("no", beside="seed")}})
    assert given(rules, logprobs=True, top_k=1)[0] == []
    assert given(rules, logprobs=True, seed=5, top_k=1)[0] == ["logprobs"]
    assert given(rules, seed=5, top_k=1)[0] == []


def test_rewrites_do_not_overwrite_what_the_client_set() -> None:
    rules = Rules(
        {
            Task.CHAT: {
                "repeat_penalty": Rename("repetition_penalty"),
                "guided_json": Replace("response_format", {"type": "json_object"}),
                "reasoning_effort": Inside("chat_template_kwargs"),
                "seed": Wrap(10),
                "top_k": Honour(),
            }
        }
    )
    assert given(rules, top_k=5)[1] == {}
    assert given(rules, repeat_penalty=1.5)[1] == {"repeat_penalty": UNSET, "repetition_penalty": 1.5}
    assert given(rules, repeat_penalty=1.5, repetition_penalty=1.2)[1] == {"repeat_penalty": UNSET}
    assert given(rules, guided_json={"a": 1})[1]["response_format"] == {"type": "json_object"}
    assert given(rules, reasoning_effort="low")[1]["chat_template_kwargs"] == {"reasoning_effort": "low"}
    own = {"reasoning_effort": "high", "a": 1}
    kwargs = given(rules, reasoning_effort="low", chat_template_kwargs=own)[1]["chat_template_kwargs"]
    assert kwargs == own, "the template's own value goes first"
    for seed, wrapped in ((0, None), (9, None), (10, 0), (-2, 8)):
        assert given(rules, seed=seed, top_k=1)[1] == ({} if wrapped is None else {"seed": wrapped})


@pytest.mark.parametrize(
    ("name", "body", "used"),
    [
        ("top_k", {"top_k": 0}, True), ("top_k", {}, False), ("top_k", {"top_k": None}, False), ("n", {"n": 1}, False),
        ("n", {"n": 2}, True), ("stop", {"stop": []}, False), ("stop", {"stop": ["a"]}, True),
        ("id_slot", {"id_slot": -1}, False),
        ("id_slot", {"id_slot": 0}, True), ("echo", {"echo": False}, False), ("skip_special_tokens", {}, False),
        ("skip_special_tokens", {"skip_special_tokens": True}, False),
        ("skip_special_tokens", {"skip_special_tokens": False}, True),
        ("stream_options.include_usage", {"stream": True, "stream_options": {"include_usage": True}}, True),
        ("stream_options.include_usage", {"stream": True, "stream_options": {"include_usage": False}}, False),
        ("stream_options.include_usage", {}, False), ("unheard_of", {"unheard_of": 1}, True),
        ("unheard_of.inside", {"unheard_of": {"inside": 1}}, True), ("unheard_of.inside", {"unheard_of": {"b": 1}}, False),
        ("unheard_of.inside", {"unheard_of": "text"}, False), ("other", {"unheard_of": {"other": 1}}, False),
    ],
    ids=str,
)  # fmt: skip
def test_a_parameter_is_used_with_a_value_other_than_its_default(name: str, body: dict[str, Any], used: bool) -> None:
    assert uses(call(**body, user="x", logit_bias={"1": 1}), name) is used


def test_a_field_is_looked_for_in_the_body_of_json_alone() -> None:
    asked = call(unheard_of=7, top_k=1)
    assert value(asked, "unheard_of") == 7 and value(asked, "model") == "m"
    form = ModelCall(b"unheard_of", asked.request, "m", place=ByteSpan(0, 1))
    assert value(form, "unheard_of") is UNSET


# Replicas


def relay_request(*replicas: str, limit: int | None = None) -> RelayRequest:
    endpoints = tuple(Endpoint(name, Address(port=1)) for name in replicas)
    there = route(endpoints=endpoints, request_limit=limit)
    return RelayRequest(Exchange(b"id", "POST", CHAT, 0.0), there, call(), b"", [])


def test_replicas_at_their_limit_are_passed_over_until_none_is_left() -> None:
    relay = Relay(Settings(), Traffic(), Pool(1), Tallies())
    picked = relay._pick(relay_request("a", "b", limit=2), set())
    assert picked is not None
    other = {"a": "b", "b": "a"}[picked.replica]
    for _ in range(2):
        relay.traffic.begin(picked.replica)
    left = relay._pick(relay_request("a", "b", limit=2), set())
    assert left is not None and left.replica == other
    assert relay._pick(relay_request("a", "b", limit=2), {"a", "b"}) is None, "all were tried"
    for _ in range(2):
        relay.traffic.begin(other)
    with pytest.raises(RateLimited, match="'m' accepts 2 requests at a time") as refused:
        relay._pick(relay_request("a", "b", limit=2), set())
    assert refused.value.retry_after == 1
    assert relay._pick(relay_request("a", "b"), set()) is not None
    assert relay._pick(relay_request("a", limit=0), {"a"}) is None


def test_a_replica_that_was_unreachable_is_avoided_for_a_while() -> None:
    relay = Relay(Settings(), Traffic(), Pool(1), Tallies())
    relay.penalties = {"a": 1e12, "gone": 1.0}
    for _ in range(3):
        relay.traffic.begin("b")
    picked = relay._pick(relay_request("a", "b"), set())
    assert picked is not None and picked.replica == "b", "though it is busier"
    assert relay.penalties == {"a": 1e12}, "what is over is forgotten"
    relay.penalties = {"a": 1e12, "b": 1e12}
    picked = relay._pick(relay_request("a", "b"), set())
    assert picked is not None and picked.replica == "a", "where all were unreachable, any is tried"
    assert PENALTY_SECONDS > 0


# The gateway's own view


def test_the_gateway_knows_the_state_of_a_model_and_the_first_chat_model() -> None:
    gateway = Gateway(Settings(), Traffic())
    published: list[int] = []
    gateway.on_publish = lambda: published.append(1)
    gateway.publish(table(route("z"), route("b", ready=False), route("c", tasks=frozenset({Task.EMBEDDING}))))
    assert gateway.chats() == "z" and published == [1]
    assert gateway.chats(grant("y")) is None and gateway.chats(grant("z")) == "z"
    assert [gateway.state(name) for name in ("z", "b", "x")] == [ReplicaState.READY, ReplicaState.STARTING, None]
    gateway.set_apps({"kb:a": route("kb:a", ready=False, app=nothing)})
    assert gateway.state("kb:a") is None and gateway.chats() == "z", "a base is no model"
    assert lookup.find(gateway._table, NO_ALIASES, "kb:a").app is nothing and len(published) == 2
    gateway.publish(table(route("a")))
    assert gateway.chats() == "a" and lookup.find(gateway._table, NO_ALIASES, "kb:a").app is nothing
    gateway.mount("/v1/dialect", nothing, ("GET",))
    assert gateway.handles("/v1/dialect") and gateway.handles(CHAT) and not gateway.handles("/v1/models")
    gateway.count(None)
    limited = Grant("1", "key", frozenset({"models:read"}), requests_per_minute=1)
    gateway.count(limited)
    with pytest.raises(RateLimited):
        gateway.count(limited)


def test_the_gateway_knows_the_context_of_a_model() -> None:
    gateway = Gateway(Settings(), Traffic())
    gateway.publish(table(route("m", context_length=4096), route("open")))
    assert [gateway.context_length(name) for name in ("m", "open", "nobody")] == [4096, None, None]


NEUTRAL: dict[str, Any] = {
    "n": 1, "best_of": 1, "top_p": 1, "presence_penalty": 0, "frequency_penalty": 0, "repetition_penalty": 1,
    "tool_choice": "none", "response_format": {"type": "text"}, "modalities": ["text"], "function_call": "none",
    "min_tokens": 0, "length_penalty": 1, "num_beams": 1, "priority": 0, "n_probs": 0, "n_predict": -1, "n_keep": 0,
    "n_discard": 0, "n_indent": 0, "min_keep": 0, "id_slot": -1, "repeat_penalty": 1, "typical_p": 1, "top_n_sigma": -1,
    "xtc_probability": 0, "mirostat": 0, "dynatemp_range": 0, "dry_multiplier": 0, "t_max_predict_ms": -1,
    "truncation_side": "right", "stream_interval": 1,
}  # fmt: skip
"""What the SDKs of OpenAI, vLLM and llama.cpp send for what nobody asked for."""


@pytest.mark.parametrize("name", NEUTRAL)
def test_what_sdks_send_by_default_asks_for_nothing(name: str) -> None:
    assert not uses(call(**{name: NEUTRAL[name], "logit_bias": {"1": 1}}), name)


def test_a_model_hears_its_own_name_in_place_of_an_alias() -> None:
    aliases = Aliases(read_aliases("gpt-*=m"))
    known = table(route("m"), route("kb:a"))
    for name in ("gpt-4", "m"):
        asked = call(model=name, seed=5)
        found = lookup.find_for(known, aliases, asked, None)
        own = lookup.under_own_name(found, aliases, asked)
        assert (found.name, own.model, json.loads(own.body)["model"]) == ("m", "m", "m")
        assert (own is asked) is (name == "m"), "a body that is right keeps its bytes"
    assert lookup.under_own_name(route("kb:a"), aliases, call(model="gpt-4")).model == "gpt-4"
    with pytest.raises(ModelNotFound):
        lookup.find(table(), aliases, "gpt-4")
