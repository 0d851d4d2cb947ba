"""The tools that a chat request offers: their form for the template, and the grammar of required calls."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelyard.core.errors import InvalidParameter
from modelyard.engines.generation import Grammar, Language
from modelyard.serving.bodies import ChatBody
from modelyard.serving.calls import HERMES, HERMES_END, MARKS, MISTRAL, MISTRAL_ARGUMENTS, Calls

MOST_CALLS = 16
"""Maximum number of calls in an answer that must call a tool; small models would not stop by themselves."""

SPACED = {"whitespace_flexible": False, "key_separator": ": ", "item_separator": ", "}
"""The JSON spacing of required calls: the one in models' training data."""

NO_PLACE = "is not supported by this model: its chat template has no place for tools."

Tool = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Offer:
    """The tools that an answer may call."""

    format: str
    tools: Sequence[Tool]
    """The tools of the request; the template receives all of them."""
    callable: Sequence[Tool]
    """Those that `tool_choice` allows."""
    must: bool
    """Whether the answer must consist of calls only."""
    parallel: bool

    def calls(self) -> Calls:
        names = [tool["function"]["name"] for tool in self.tools]
        return Calls(self.format, names, None if self.parallel else 1)


def offer_of(request: ChatBody, template: str, call_format: str) -> Offer | None:
    """Return the tools of a request; None when it may not call any. Raises `InvalidParameter`."""
    tools, choice = request.tools or (), request.tool_choice
    if not tools:
        if choice not in ("none", "auto") and choice:
            raise InvalidParameter("tool_choice", "there are no 'tools' to choose from.")
        return None
    for tool in tools:
        _check(tool)
    chosen = _choose(choice, tools)
    if choice == "none":
        return None
    if "tools" not in template:
        raise InvalidParameter("tools", NO_PLACE)
    format = call_format if call_format != "auto" else recognise(template)
    if not format:
        raise InvalidParameter(
            "tools",
            "the chat template does not show how this model writes its calls; set tool_call_parser at launch to one of "
            f"{', '.join(MARKS)}.",
        )
    must = choice == "required" or isinstance(choice, dict)
    single = request.parallel_tool_calls is False or isinstance(choice, dict)
    return Offer(format, tools, chosen, must, parallel=not single)


def _check(tool: Tool) -> None:
    function = tool.get("function")
    if tool.get("type") != "function" or not isinstance(function, dict):
        raise InvalidParameter("tools", "each is an object with type 'function' and a 'function'.")
    if not isinstance(function.get("name"), str) or not function["name"]:
        raise InvalidParameter("tools", "each function needs a name.")
    if not isinstance(function.get("parameters") or {}, dict):
        raise InvalidParameter("tools", f"the parameters of '{function['name']}' must be a JSON schema, an object.")


def _choose(choice: Any, tools: Sequence[Tool]) -> Sequence[Tool]:
    if not choice or choice in ("none", "auto", "required"):
        return tools
    function = choice.get("function") if isinstance(choice, dict) and choice.get("type") == "function" else None
    name = function.get("name") if isinstance(function, dict) else None
    if name is None:
        raise InvalidParameter(
            "tool_choice", 'is \'none\', \'auto\', \'required\' or {"it type": "function", "function": {"name": …}}.'
        )
    found = [tool for tool in tools if tool["function"]["name"] == name]
    if not found:
        raise InvalidParameter("tool_choice", f"there is no tool '{name}'.")
    return found


def recognise(template: str) -> str:
    """Return the format in which a model writes calls, by its chat template; empty if it is unknown."""
    if MISTRAL in template:
        return "mistral"
    if HERMES in template:  # Qwen3-Coder and GLM do not write JSON between these marks
        return "" if "<function=" in template or "<arg_key>" in template else "hermes"
    return "llama3_json" if '"parameters": dictionary' in template or "<|python_tag|>" in template else ""


def is_special(language: Language, mark: str) -> bool:
    """Whether a mark is a single token that the decoded text leaves out."""
    tokens = language.encode(mark, special=False)
    return len(tokens) == 1 and not language.decode(tokens)


def grammar_of_calls(offer: Offer, language: Language) -> Grammar:
    """The grammar of an answer that consists of calls only, in the format of the model."""

    def literal(text: str) -> str:
        special = is_special(language, text)
        return f"<[{language.encode(text, special=False)[0]}]>" if special else json.dumps(text)

    again = f"{{0,{MOST_CALLS - 1}}}" if offer.parallel else "{0,0}"
    arguments = "parameters" if offer.format == "llama3_json" else "arguments"
    if offer.format == "hermes":
        call, between = f'{literal(HERMES)} "\\n" body "\\n" {literal(HERMES_END)}', '"\\n"'
        start = "call" if not offer.parallel else f"call ({between} call){again}"
    elif offer.format == "llama3_json":
        call, start = "body", "call" if not offer.parallel else f'call ("; " call){again}'
    elif MISTRAL_ARGUMENTS in language.template:
        call = f"{literal(MISTRAL)} named"
        start = "call" if not offer.parallel else f"call call{again}"
    else:
        call, rest = "body", f'(", " call){again}' if offer.parallel else ""
        start = f'{literal(MISTRAL)} "[" call {rest} "]"'
    lines = [f"start: {start}", f"call: {call}"]
    lines += _bodies(offer.callable, "named" if "named" in call else "body", arguments, literal(MISTRAL_ARGUMENTS))
    return Grammar("lark", "\n".join(lines) + "\n")


def _bodies(tools: Sequence[Tool], rule: str, arguments: str, separator: str) -> list[str]:
    """One grammar rule for each function, with the schema of its arguments."""
    lines = [f"{rule}: {' | '.join(f'f{number}' for number in range(len(tools)))}"]
    for number, tool in enumerate(tools):
        name = tool["function"]["name"]
        schema = {"type": "object", **(tool["function"].get("parameters") or {"properties": {}})}
        text = json.dumps({"x-guidance": SPACED, **schema})
        if rule == "named":
            lines.append(f"f{number}: {json.dumps(name)} {separator} %json {text}")
        else:
            opening = f'{{"name": {json.dumps(name)}, "{arguments}": '
            lines.append(f'f{number}: {json.dumps(opening)} %json {text} "}}"')
    return lines


def with_objects(message: dict[str, Any]) -> dict[str, Any]:
    """Return an assistant's message with the arguments of its calls as objects, which most templates expect."""
    calls = message.get("tool_calls")
    if not calls:
        return message
    return {**message, "tool_calls": [_with_object(call) for call in calls]}


def _with_object(call: dict[str, Any]) -> dict[str, Any]:
    function = call.get("function")
    if not isinstance(function, dict) or not isinstance(function.get("arguments"), str):
        return call
    try:
        arguments = json.loads(function["arguments"] or "{}")
    except ValueError:
        return call
    return {**call, "function": {**function, "arguments": arguments}}
