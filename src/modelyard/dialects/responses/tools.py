"""Tools of OpenAI's `/v1/responses` as functions of a chat completion, and the names of calls back. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from modelyard.core.errors import InvalidParameter
from modelyard.dialects.responses.features import TOOLS
from modelyard.dialects.responses.hosted import OpenTool
from modelyard.protocol.responses_items import Item

INPUT = {"type": "string", "description": "The whole input of the tool, as it is."}
CUSTOM = {"type": "object", "properties": {"input": INPUT}, "required": ["input"], "additionalProperties": False}
"""Parameters of the function that a custom tool becomes."""


@dataclass(frozen=True, slots=True)
class ToolName:
    """How a client knows a tool."""

    name: str
    namespace: str | None = None
    custom: bool = False
    """Whether its input is a text."""
    hosted: bool = False
    """Whether this server runs it."""


@dataclass(frozen=True, slots=True)
class ToolSet:
    """What becomes of the tools of a request."""

    functions: Sequence[Item] = ()
    """The tools of the chat completion."""
    names: Mapping[str, ToolName] = field(default_factory=dict)
    """Name of a function → how the client knows it."""
    hosted: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Kind of each tool that this server runs → its functions."""
    dropped: Sequence[str] = ()
    """Kinds of tools that are left out."""


def flat_name(name: str, namespace: str | None) -> str:
    """The name of the function that a tool of a namespace becomes."""
    return f"{namespace}__{name}" if namespace else name


def tool_set(offers: Sequence[Item], hosted: Mapping[int, OpenTool] | None = None, place: str = "tools") -> ToolSet:
    """The functions. `hosted` has the tools that this server runs, by their index. Raises `InvalidParameter`."""
    functions: dict[str, Item] = {}
    names: dict[str, ToolName] = {}
    ours: dict[str, list[str]] = {}
    dropped: dict[str, None] = {}
    for index, offer in enumerate(offers):
        where = f"{place}[{index}]"
        kind = offer.get("type")
        if hosted and index in hosted:
            ours.setdefault(str(kind), [])
            for each in hosted[index].functions:
                name = each["function"]["name"]
                _check_free(name, names, where)
                functions[name], names[name] = each, ToolName(name, hosted=True)
                ours[str(kind)].append(name)
        elif kind in ("function", "custom", "namespace"):
            for tool, inner, namespace in _flat(offer, where):
                name = _text(tool, "name", inner)
                flat = flat_name(name, namespace)
                if flat in names and names[flat].hosted:
                    _check_free(flat, names, inner)
                functions[flat] = _function(tool, flat, inner)
                names[flat] = ToolName(name, namespace, tool["type"] == "custom")
        elif isinstance(kind, str) and kind in TOOLS:
            dropped[kind] = None
        else:
            known = ", ".join(TOOLS)
            raise InvalidParameter(f"{where}.type", f"'{kind or ''}' is not known here; tools are {known}.")
    return ToolSet(list(functions.values()), names, ours, list(dropped))


def _check_free(name: str, names: Mapping[str, ToolName], place: str) -> None:
    """Raise `InvalidParameter` for a function whose name another tool has: calls could not be told apart."""
    if name in names:
        raise InvalidParameter(place, f"another tool has a function '{name}' already; leave one of them out.")


def _flat(offer: Item, place: str) -> Iterator[tuple[Item, str, str | None]]:
    """A tool, or those of a namespace, with their places and the namespace."""
    if offer["type"] != "namespace":
        yield offer, place, None
        return
    namespace, tools = _text(offer, "name", place), offer.get("tools")
    if not isinstance(tools, list):
        raise InvalidParameter(f"{place}.tools", "it is required: the tools of the namespace.")
    for index, tool in enumerate(tools):
        inner = f"{place}.tools[{index}]"
        if not isinstance(tool, dict) or tool.get("type", "function") not in ("function", "custom"):
            raise InvalidParameter(f"{inner}.type", "it must be 'function' or 'custom'.")
        yield {"type": "function", **tool}, inner, namespace


def _text(offer: Item, name: str, place: str) -> str:
    value = offer.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidParameter(f"{place}.{name}", "it is required: a text that is not empty.")
    return value


def _function(tool: Item, name: str, place: str) -> Item:
    found: Item = {"name": name}
    description = tool.get("description")
    if not isinstance(description, str | None):
        raise InvalidParameter(f"{place}.description", "it must be a text.")
    if tool["type"] == "custom":
        found["description"] = "\n\n".join(filter(None, (description, _grammar(tool.get("format"), place))))
        found["parameters"] = CUSTOM
    else:
        parameters, strict = tool.get("parameters"), tool.get("strict")
        if not isinstance(parameters, dict | None):
            raise InvalidParameter(f"{place}.parameters", "it must be a JSON schema, an object.")
        if not isinstance(strict, bool | None):
            raise InvalidParameter(f"{place}.strict", "it must be true or false.")
        if description is not None:
            found["description"] = description
        found["parameters"] = parameters or {"type": "object", "properties": {}}
        if strict:
            found["strict"] = True
    return {"type": "function", "function": found}


def _grammar(form: Any, place: str) -> str:
    """What a description says of the format of a custom tool's input."""
    if form is None:
        return ""
    if not isinstance(form, dict):
        raise InvalidParameter(f"{place}.format", "it must be an object.")
    if form.get("type", "text") == "text":
        return ""
    syntax, definition = form.get("syntax"), form.get("definition")
    if form["type"] != "grammar" or not isinstance(syntax, str) or not isinstance(definition, str):
        problem = "it must have the type 'text', or 'grammar' with 'syntax' and 'definition'."
        raise InvalidParameter(f"{place}.format", problem)
    return f"The input follows this {syntax} grammar:\n{definition}"


MODES = ("none", "auto", "required")


def with_choice(tools: ToolSet, choice: str | Item | None) -> tuple[Sequence[Item], Item]:
    """The functions that are offered, and the field `tool_choice` of the chat completion. Raises `InvalidParameter`."""
    if choice is None:
        return tools.functions, {}
    if isinstance(choice, str):
        return tools.functions, _mode(choice, tools.functions)
    kind = choice.get("type")
    if kind == "allowed_tools":
        allowed = _allowed(choice, tools)
        return allowed, _mode(choice.get("mode", "auto"), allowed)
    if kind not in ("function", "custom"):
        if ours := tools.hosted.get(str(kind)):
            return tools.functions, {"tool_choice": {"type": "function", "function": {"name": ours[0]}}}
        raise InvalidParameter("tool_choice", f"no tool of the type '{kind or ''}' is offered here.")
    flat = _flat_of(choice, tools)
    if flat is None:
        raise InvalidParameter("tool_choice.name", f"there is no tool '{choice.get('name') or ''}'.")
    return tools.functions, {"tool_choice": {"type": "function", "function": {"name": flat}}}


def _mode(mode: Any, offered: Sequence[Item]) -> Item:
    if mode not in MODES:
        raise InvalidParameter("tool_choice", f"it must be one of {', '.join(MODES)}, or an object with a 'type'.")
    if mode == "required" and not offered:
        raise InvalidParameter("tool_choice", "there are no 'tools' to choose from.")
    return {"tool_choice": mode} if offered else {}


def _allowed(choice: Item, tools: ToolSet) -> Sequence[Item]:
    """The functions that a choice allows."""
    listed = choice.get("tools")
    if not isinstance(listed, list):
        raise InvalidParameter("tool_choice.tools", "it is required: the tools that are allowed.")
    allowed = {_flat_of(each, tools) for each in listed if isinstance(each, dict)}
    allowed |= {
        name for each in listed if isinstance(each, dict) for name in tools.hosted.get(str(each.get("type")), ())
    }
    return [each for each in tools.functions if each["function"]["name"] in allowed]


def _flat_of(choice: Item, tools: ToolSet) -> str | None:
    """The function that a choice names: by its own name, or the one of that name in a namespace."""
    name, namespace = choice.get("name"), choice.get("namespace")
    found = [
        flat
        for flat, each in tools.names.items()
        if each.name == name and (namespace is None or each.namespace == namespace)
    ]
    if name in found:
        return str(name)
    return found[0] if found else (name if isinstance(name, str) and name in tools.names else None)
