"""Encodes a family as a registration record, for registrations that an earlier version stored without their record. Pure."""

from __future__ import annotations

from typing import Any

from modelyard.catalog.family import Family, ModelSource, Spec
from modelyard.catalog.record import seven_fields
from modelyard.core.types import ModelType

Record = dict[str, Any]


def record_of(family: Family) -> Record:
    """The record of a registered family, without empty fields."""
    record: Record = {
        "version": family.version,
        "context_length": family.context_length,
        "model_name": family.name,
        "model_lang": family.languages,
        "model_ability": family.abilities,
        "model_description": family.description,
        "model_family": family.family,
        "dimensions": family.dimensions,
        "type": family.rerank_kind if family.type is ModelType.RERANK else None,
        "multilingual": family.multilingual,
        "architectures": family.architectures,
        "model_specs": [_spec(spec) for spec in family.specs],
        "prompt_style": seven_fields(family.prompt_style) if family.prompt_style else None,
        "chat_template": family.chat_template,
        "stop": family.stop,
        "stop_token_ids": family.stop_token_ids,
        "reasoning_start_tag": family.reasoning_start_tag,
        "reasoning_end_tag": family.reasoning_end_tag,
        "tool_parser": family.tool_parser,
        "controlnet": family.controlnet,
        "system_prompt": family.system_prompt,
        "messages": family.messages,
        "adapters": family.adapters,
        "default_context_length": family.default_context_length,
        "runs_on": family.runs_on,
        "default_model_config": family.specs[0].default_model_config,
        "default_generate_config": family.specs[0].default_generate_config,
    }
    return _without_empty(record)


def _spec(spec: Spec) -> Record:
    record: Record = {
        "model_format": spec.format,
        "model_size_in_billions": spec.size_in_billions,
        "activated_size_in_billions": spec.activated_size_in_billions,
        "quantizations": spec.quantizations,
    }
    hubs = list(spec.src)
    if len(hubs) == 1 and not spec.src[hubs[0]].quantizations:
        return _without_empty({**_source(spec.src[hubs[0]]), **record, "model_hub": hubs[0]})
    return _without_empty(
        record | {"model_src": {hub: _without_empty(_source(source)) for hub, source in spec.src.items()}}
    )


def _source(source: ModelSource) -> Record:
    return {
        "model_id": source.model_id,
        "model_uri": source.path,
        "model_revision": source.revision,
        "quantizations": source.quantizations,
        "model_file_name_template": source.file,
        "model_file_name_split_template": source.split_file,
        "quantization_parts": source.parts,
        "multimodal_projectors": source.projectors,
    }


def _without_empty(record: Record) -> Record:
    return {key: value for key, value in record.items() if value or value is False}
