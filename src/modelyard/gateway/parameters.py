"""Applies an engine's rules to one request: which parameters are refused, and how the body changes. Pure.

Plain bodies contain only parameters that every engine supports, so most requests need no changes.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec import UNSET

from modelyard.core.rules import Honour, Ignore, Inside, Refuse, Rename, Replace, Rule, Rules, Wrap
from modelyard.core.types import Route
from modelyard.gateway.model_call import ModelCall
from modelyard.protocol.plain import PLAIN

DEFAULTS: Mapping[str, object] = {
    "n": 1,
    "best_of": 1,
    "top_p": 1,
    "presence_penalty": 0,
    "frequency_penalty": 0,
    "repetition_penalty": 1,
    "tool_choice": "none",
    "response_format": {"type": "text"},
    "modalities": ["text"],
    "function_call": "none",
    "min_tokens": 0,
    "length_penalty": 1,
    "num_beams": 1,
    "priority": 0,
    "routed_experts_prompt_start": 0,
    "stream_interval": 1,
    "n_probs": 0,
    "n_predict": -1,
    "n_keep": 0,
    "n_discard": 0,
    "n_indent": 0,
    "min_keep": 0,
    "id_slot": -1,
    "repeat_penalty": 1,
    "typical_p": 1,
    "top_n_sigma": -1,
    "xtc_probability": 0,
    "mirostat": 0,
    "dynatemp_range": 0,
    "dry_multiplier": 0,
    "t_max_predict_ms": -1,
    "truncation_side": "right",
}
"""Values that request nothing; SDKs send them by default. False and empty values request nothing either."""

TRUE_BY_DEFAULT = frozenset(
    {
        *("skip_special_tokens", "spaces_between_special_tokens", "add_generation_prompt", "include_reasoning"),
        *("separate_reasoning", "stream_reasoning"),
    }
)
"""Parameters that request something when they are false."""

ActiveRules = tuple[tuple[str, Rule], ...]


def refusals(route: Route, task: str, call: ModelCall) -> Iterator[tuple[str, str]]:
    """The parameters of a request that are refused, each with the reason."""
    if type(call.request) in PLAIN and not refuses_plain(route.rules, task):
        return
    for name, rule in active_rules(route.rules, task):
        if isinstance(rule, Refuse) and uses(call, name) and (not rule.beside or uses(call, rule.beside)):
            yield name, rule.why


def rewrites(route: Route, task: str, call: ModelCall) -> dict[str, Any]:
    """The fields to change for the engine; `UNSET` removes a field."""
    changes: dict[str, Any] = {}
    if type(call.request) in PLAIN:
        return changes
    for name, rule in active_rules(route.rules, task):
        if isinstance(rule, Refuse) or not uses(call, name):
            continue
        number = value(call, name)
        if isinstance(rule, Wrap):
            if not 0 <= number < rule.below:
                changes[name] = number % rule.below
            continue
        changes[name] = UNSET
        if isinstance(rule, Inside):
            inner = value(call, rule.name) or {}
            changes[rule.name] = {name: number} | inner
        elif isinstance(rule, Rename | Replace):
            to, what = (rule.to, number) if isinstance(rule, Rename) else (rule.name, rule.value)
            if not uses(call, to):
                changes[to] = what
    return changes


def with_client_names(body: bytes, route: Route, task: str, call: ModelCall) -> bytes:
    """An engine's error in which parameters that the rules renamed have the client's names again."""
    if type(call.request) in PLAIN:
        return body
    names = {
        _engine_name(rule): name
        for name, rule in active_rules(route.rules, task)
        if _engine_name(rule) and uses(call, name)
    }
    if not names:
        return body
    answer = msgspec.json.decode(body, type=dict[str, Any])
    error = answer["error"]
    if (first := names.get(error["param"])) is not None and not uses(call, error["param"]):
        message = str(error["message"]).replace(f"'{error['param']}'", f"'{first}'")
        answer["error"], answer["detail"] = {**error, "param": first, "message": message}, message
    return msgspec.json.encode(answer)


def _engine_name(rule: Rule) -> str:
    return rule.to if isinstance(rule, Rename) else rule.name if isinstance(rule, Replace | Inside) else ""


@functools.lru_cache(maxsize=256)
def active_rules(rules: Rules, task: str) -> ActiveRules:
    """The rules of a task that refuse or change parameters."""
    table = rules.by_task.get(task, {})
    return tuple((name, rule) for name, rule in table.items() if not isinstance(rule, Honour | Ignore))


@functools.lru_cache(maxsize=256)
def refuses_plain(rules: Rules, task: str) -> bool:
    """Whether a rule refuses a parameter that plain bodies may contain."""
    fields = {name for kind in PLAIN for name in kind.__struct_fields__}
    return any(isinstance(rule, Refuse) and name in fields for name, rule in active_rules(rules, task))


def uses(call: ModelCall, name: str) -> bool:
    """Whether the request uses a parameter, with a value other than its default."""
    setting = value(call, name)
    if name in TRUE_BY_DEFAULT:
        return setting is False
    if setting is UNSET or setting is None or setting is False or setting in ("", [], {}):
        return False
    return name not in DEFAULTS or setting != DEFAULTS[name]


def value(call: ModelCall, name: str) -> Any:
    """A parameter's value, or `UNSET`. A field that the struct does not have is read from the body."""
    first, _, rest = name.partition(".")
    request = call.request
    if first in request.__struct_fields__:
        field = getattr(request, first)
    elif type(request) not in PLAIN and call.place is None and first.encode() in call.body:
        field = msgspec.json.decode(call.body).get(first, UNSET)
    else:
        return UNSET
    if not rest:
        return field
    return field.get(rest, UNSET) if isinstance(field, dict) else getattr(field, rest, UNSET)
