"""The fields of a Modelfile as the record of a registered family, and back. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from modelyard.catalog.family import Family
from modelyard.core.errors import InvalidParameter
from modelyard.dialects.ollama.options import NAMES, sampling
from modelyard.dialects.ollama.templates import chat_template
from modelyard.protocol.ollama_creation import OllamaCreateRequest
from modelyard.protocol.sampling import PARAMETERS

Record = dict[str, Any]

CONTEXT = "num_ctx"
TEMPLATE, LICENSE, PARENT = "ollama_template", "license", "parent_model"
"""Fields of our records that only this dialect reads: the template as it was sent, the license, and what it was made from."""
KEPT = (TEMPLATE, LICENSE)
SHARED = "runs_on"
CHATS = ("chat", "generate")
"""Abilities that any chat template may give; others depend on what it has places for."""
OURS: Mapping[str, str] = {ours: name for name, ours in NAMES.items()}


def derived(parent: Record, name: str, request: OllamaCreateRequest, adapters: Sequence[str]) -> Record:
    """The record of a new model: its parent's, with what the request changes. Raises `InvalidParameter`."""
    found = {**parent, "model_name": name}
    if request.from_:
        found[PARENT] = request.from_
    if request.system is not None:
        found["system_prompt"] = request.system
    if request.messages is not None:
        found["messages"] = [{"role": each.role, "content": each.content} for each in request.messages]
    if request.license:
        found[LICENSE] = request.license
    if request.parameters:
        found |= _parameters(request.parameters, parent, name)
    if request.template:
        found |= {"chat_template": chat_template(request.template), TEMPLATE: request.template}
        found |= {"version": 2, "prompt_style": None}
        found["model_ability"] = [each for each in found.get("model_ability") or () if each in CHATS] or ["chat"]
    if adapters:
        found["adapters"] = list(adapters)
    if request.template or adapters or request.files or CONTEXT in (request.parameters or {}):
        found.pop(SHARED, None)
    return {field: value for field, value in found.items() if value is not None}


def _parameters(given: Mapping[str, Any], parent: Record, name: str) -> Record:
    """The fields of a record for parameters of a Modelfile, which are options of Ollama's requests."""
    options = {option: value for option, value in given.items() if option != CONTEXT}
    parameters = sampling(options, name, "parameters")
    for parameter in parameters:
        if parameter not in PARAMETERS:
            known = ", ".join(OURS.get(each, each) for each in PARAMETERS)
            raise InvalidParameter(f"parameters.{parameter}", f"a model may have {known} and {CONTEXT}.")
    found: Record = {"default_generate_config": {**(parent.get("default_generate_config") or {}), **parameters}}
    if given.get(CONTEXT) is not None:
        if not isinstance(given[CONTEXT], int) or isinstance(given[CONTEXT], bool) or given[CONTEXT] < 1:
            raise InvalidParameter(f"parameters.{CONTEXT}", "it is a number of tokens.")
        found["default_context_length"] = given[CONTEXT]
    return found


def parameters_of(family: Family) -> list[tuple[str, Any]]:
    """The parameters of a family under Ollama's names, one for each stop."""
    found: list[tuple[str, Any]] = []
    if family.default_context_length:
        found.append((CONTEXT, family.default_context_length))
    for name, value in family.specs[0].default_generate_config.items():
        found += [(OURS.get(name, name), each) for each in (value if isinstance(value, list) else [value])]
    return found


def parameter_text(family: Family) -> str:
    """The parameters of a family as `/api/show` has them."""
    return "\n".join(f"{name:<30} {_written(value)}" for name, value in parameters_of(family))


def license_of(family: Family) -> str:
    """The license that a family was made with."""
    found = (family.sent or {}).get(LICENSE) or ""
    return found if isinstance(found, str) else "\n".join(map(str, found))


def template_of(family: Family) -> str:
    """The template that a family was made with, else its chat template; empty if the model's files have it."""
    return str((family.sent or {}).get(TEMPLATE) or family.template or "")


def modelfile(family: Family) -> str:
    """The Modelfile of a family."""
    return "\n".join(_lines(family)) + "\n"


def _lines(family: Family) -> Iterator[str]:
    source = next(iter(family.specs[0].src.values()))
    yield f"FROM {(family.sent or {}).get(PARENT) or source.path or source.model_id}"
    yield from (f"ADAPTER {path}" for path in family.adapters)
    if template := template_of(family):
        yield f"TEMPLATE {_quoted(template)}"
    if family.system_prompt:
        yield f"SYSTEM {_quoted(family.system_prompt)}"
    yield from (f"PARAMETER {name} {_written(value)}" for name, value in parameters_of(family))
    yield from (f"MESSAGE {each['role']} {_quoted(each['content'])}" for each in family.messages)
    if text := license_of(family):
        yield f"LICENSE {_quoted(text)}"


def _written(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def _quoted(text: str) -> str:
    return f'"""{text}"""' if "\n" in text or '"' in text else text
