"""Families as Xinference's API lists them: records of registrations, prompts and abilities. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from modelyard.catalog.descriptions import one_line
from modelyard.catalog.family import Family, ModelSource, Spec
from modelyard.catalog.prompt_styles import CHAT_TEMPLATE, PromptStyle
from modelyard.core.types import ModelType

Record = dict[str, Any]

Cached = Callable[[str, ModelSource, str], bool]
"""Hub name, source and quantisation → whether the files are on this machine."""

PREFERRED = ("package", "local", "huggingface", "modelscope")
"""Sources in order of preference; a record without `full` shows the first that a spec has."""

ABILITIES = ("chat", "generate", "tools", "vision", "reasoning", "audio", "omni", "hybrid")
"""The abilities by which language models are listed."""


def nothing_cached(hub: str, source: ModelSource, quantization: str) -> bool:
    """A `Cached` for callers that do not need the cache status."""
    return False


def record(family: Family, *, built_in: bool, cached: Cached = nothing_cached, full: bool = False) -> Record:
    """The full record of a family: fields of format version 1 for families that have it, and those of version 2 for all.

    A spec is shown with one source; with `full`, `model_src` has all of them. A registered family is shown as its user sent
    it, followed by the fields that the user omitted.
    """
    if family.sent is not None:
        return _with_record(family.sent, _record(family, built_in, cached, full=False))
    return _record(family, built_in, cached, full)


def _record(family: Family, built_in: bool, cached: Cached, full: bool) -> Record:
    common: Record = {
        "version": family.version,
        "context_length": family.context_length or None,
        "model_name": family.name,
        "model_lang": family.languages,
        "model_ability": family.all_abilities,
        "model_description": one_line(family) or None,
        "model_family": family.family,
        "is_builtin": built_in,
    }
    specs = [_spec(spec, cached, full, family.type is ModelType.LLM) for spec in family.specs if spec.src]
    if family.type is ModelType.LLM:
        return common | _llm(family) | {"model_specs": specs}
    common |= {"model_specs": specs, "language": family.languages, "multilingual": family.multilingual}
    if family.type in (ModelType.EMBEDDING, ModelType.RERANK):
        common |= {"max_tokens": family.context_length or None}
        return common | (
            {"type": family.rerank_kind} if family.type is ModelType.RERANK else {"dimensions": family.dimensions}
        )
    return common | _first_source(specs) | {"controlnet": family.controlnet or None}


def _with_record(sent: Record, ours: Record) -> Record:
    """The record of the request, followed by fields of ours that it lacks."""
    merged = {**sent, **{key: value for key, value in ours.items() if key not in sent}}
    if sent.get("prompt_style") and "chat_template" not in sent:
        del merged["chat_template"]  # it would repeat what the prompt style says
    specs = sent.get("model_specs")
    if specs:
        merged["model_specs"] = [_with_spec_record(*pair) for pair in zip(specs, ours["model_specs"], strict=True)]
    else:  # the record itself is its only spec
        merged["model_specs"] = ours["model_specs"]
    return merged


def _with_spec_record(sent: Record, ours: Record) -> Record:
    """Merge an entry of `model_specs` likewise; `cache_status` gets one value for each quantisation in the request."""
    ours = {**ours, "cache_status": _statuses(sent.get("quantizations"), ours)}
    return {**sent, **{key: value for key, value in ours.items() if key not in sent}}


def _statuses(sent: list[str] | None, ours: Record) -> list[bool]:
    found = dict(zip(ours["quantizations"], ours["cache_status"], strict=True))
    return [found.get(name or "none", False) for name in sent or ours["quantizations"]]


def _llm(family: Family) -> Record:
    return {
        "architectures": family.architectures,
        "prompt_style": seven_fields(family.prompt_style) if family.prompt_style else None,
        "chat_template": family.template,
        "stop": family.stops or None,
        "stop_token_ids": family.stop_ids or None,
        "reasoning_start_tag": family.reasoning_start_tag,
        "reasoning_end_tag": family.reasoning_end_tag,
        "tool_parser": family.tool_parser,
    }


def _first_source(specs: list[Record]) -> Record:
    """Copy the source of the first spec to the top level, as in Xinference's records of image, audio and video models."""
    keys = ("model_id", "model_revision", "model_hub", "model_uri")
    return {key: specs[0][key] if specs else None for key in keys} | {
        "cache_status": any(any(spec["cache_status"]) for spec in specs)
    }


def _spec(spec: Spec, cached: Cached, full: bool, language: bool) -> Record:
    hub = next((name for name in PREFERRED if name in spec.src), next(iter(spec.src)))
    source = _source(spec, hub, cached)
    ours: Record = {"model_format": spec.format, **source, "quantization": spec.quantizations_of(spec.src[hub])[0]}
    if language:
        ours["model_size_in_billions"] = spec.size_in_billions
        ours["activated_size_in_billions"] = spec.activated_size_in_billions
    if spec.engine:
        ours["engine"] = spec.engine
    if spec.default_model_config:
        ours["default_model_config"] = spec.default_model_config
    if spec.default_generate_config:
        ours["default_generate_config"] = spec.default_generate_config
    if full:
        ours["model_src"] = {name: _source(spec, name, cached) for name in spec.src}
        ours["gguf"], ours["lightning"] = msgspec.to_builtins(spec.gguf), msgspec.to_builtins(spec.lightning)
    return ours


def _source(spec: Spec, hub: str, cached: Cached) -> Record:
    source = spec.src[hub]
    quantizations = in_order(spec.quantizations_of(source))
    ours: Record = {
        "quantizations": quantizations,
        "model_id": source.model_id,
        "model_hub": hub,
        "model_uri": source.path,
        "model_revision": source.revision,
        "model_file_name_template": source.file,
        "cache_status": [cached(hub, source, quantization) for quantization in quantizations],
    }
    if source.split_file:
        ours["model_file_name_split_template"], ours["quantization_parts"] = source.split_file, source.parts
    if source.projectors:
        ours["multimodal_projectors"] = source.projectors
    return ours


def in_order(quantizations: list[str]) -> list[str]:
    """Quantisations in Xinference's order: `none`, the published precision, last. Our own lists have the default first."""
    return [name for name in quantizations if name != "none"] + ["none"] * ("none" in quantizations)


BY_TEMPLATE = PromptStyle(style_name=CHAT_TEMPLATE, roles=["user", "assistant"])


def seven_fields(style: PromptStyle) -> Record:
    """A prompt style with all seven fields, as Xinference of 2024 lists it."""
    return {field: getattr(style, field) for field in PromptStyle.__struct_fields__}


def prompts(families: Iterable[Family]) -> dict[str, Record]:
    """Model name → prompt format of every language model that chats: the style's seven fields and the chat template.

    The style is `chat_template` if a template renders the conversation; the template is null if the model's files have it.
    """
    found: dict[str, Record] = {}
    for family in families:
        if "chat" not in family.abilities:
            continue
        ours: Record = seven_fields(family.prompt_style or BY_TEMPLATE)
        ours |= {
            "stop": family.stops or None,
            "stop_token_ids": family.stop_ids or None,
            "chat_template": family.template,
        }
        for key in ("reasoning_start_tag", "reasoning_end_tag", "tool_parser"):
            if (value := getattr(family, key)) is not None:
                ours[key] = value
        found[family.name] = ours
    return found


def by_ability(families: Iterable[Family]) -> dict[str, list[str]]:
    """Ability → names of the language models that have it."""
    listed = list(families)
    return {ability: [one.name for one in listed if ability in one.abilities] for ability in ABILITIES}
