"""Request fields that OpenAI's API lacks, and those of OpenAI that have no effect here. They are decoded to be checked.

Each engine's table of rules (`engines/rules.py`) says what it does with them. Fields of no struct pass to the engine.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

MOST = 2**31 - 1
"""The largest integer that every engine takes."""
MOST_CHOICES = 128
"""Maximum number of choices that one request may ask for; OpenAI's limit."""
MOST_FORMS = 1000
"""Maximum number of texts from which an answer may be chosen (`guided_choice`)."""

Integer = Annotated[int, Meta(ge=-MOST - 1, le=MOST)]
Count = Annotated[int, Meta(ge=0, le=MOST)]
Positive = Annotated[int, Meta(ge=1, le=MOST)]
Seed = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
TokenId = Annotated[int, Meta(ge=0, le=MOST)]
OrAll = Annotated[int, Meta(ge=-1, le=MOST)]
"""A count; -1 means no limit."""
Regex = Annotated[str, Meta(max_length=10_000)]
"""A regular expression. Its length is limited, because the time and memory to compile it grow with its length."""
Choices = Annotated[int, Meta(ge=1, le=MOST_CHOICES)]


class OpenAiFields(msgspec.Struct, kw_only=True):
    """Fields of OpenAI's types that have no effect here."""

    user: str | None | UnsetType = UNSET
    metadata: dict[str, Any] | None | UnsetType = UNSET
    prompt_cache_key: str | None | UnsetType = UNSET
    prompt_cache_options: dict[str, Any] | None | UnsetType = UNSET
    prompt_cache_retention: str | None | UnsetType = UNSET
    safety_identifier: str | None | UnsetType = UNSET
    service_tier: str | None | UnsetType = UNSET
    store: bool | None | UnsetType = UNSET


class FormFields(OpenAiFields, kw_only=True):
    """Constraints on the form of an answer, under vLLM's names and Xinference's."""

    guided_choice: Annotated[list[str], Meta(min_length=1, max_length=MOST_FORMS)] | None | UnsetType = UNSET
    guided_grammar: str | None | UnsetType = UNSET
    guided_json: dict[str, Any] | str | bool | None | UnsetType = UNSET
    guided_json_object: bool | None | UnsetType = UNSET
    guided_regex: Regex | None | UnsetType = UNSET
    structured_outputs: dict[str, Any] | None | UnsetType = UNSET


class VllmFields(FormFields, kw_only=True):
    """Fields that vLLM adds to chats and completions."""

    add_special_tokens: bool | None | UnsetType = UNSET
    allowed_token_ids: list[TokenId] | None | UnsetType = UNSET
    bad_words: list[str] | None | UnsetType = UNSET
    cache_salt: Annotated[str, Meta(max_length=1024)] | None | UnsetType = UNSET
    ec_transfer_params: dict[str, Any] | None | UnsetType = UNSET
    ignore_eos: bool | None | UnsetType = UNSET
    include_stop_str_in_output: bool | None | UnsetType = UNSET
    kv_transfer_params: dict[str, Any] | None | UnsetType = UNSET
    length_penalty: float | None | UnsetType = UNSET
    logprob_token_ids: list[TokenId] | None | UnsetType = UNSET
    min_tokens: Count | None | UnsetType = UNSET
    priority: Integer | None | UnsetType = UNSET
    prompt_logprobs: OrAll | None | UnsetType = UNSET
    repetition_detection: dict[str, Any] | None | UnsetType = UNSET
    return_token_ids: bool | None | UnsetType = UNSET
    return_tokens_as_token_ids: bool | None | UnsetType = UNSET
    routed_experts_prompt_start: Count | None | UnsetType = UNSET
    session_id: str | None | UnsetType = UNSET
    skip_special_tokens: bool | None | UnsetType = UNSET
    spaces_between_special_tokens: bool | None | UnsetType = UNSET
    stop_token_ids: list[TokenId] | None | UnsetType = UNSET
    stream_interval: Positive | None | UnsetType = UNSET
    thinking_token_budget: OrAll | None | UnsetType = UNSET
    truncate_prompt_tokens: OrAll | None | UnsetType = UNSET
    truncation_side: Literal["left", "right"] | None | UnsetType = UNSET
    use_beam_search: bool | None | UnsetType = UNSET
    vllm_xargs: dict[str, Any] | None | UnsetType = UNSET
    watermarking: bool | None | UnsetType = UNSET


class LlamaCppFields(VllmFields, kw_only=True):
    """Fields that llama.cpp adds to chats and completions."""

    cache_prompt: bool | None | UnsetType = UNSET
    dry_allowed_length: Integer | None | UnsetType = UNSET
    dry_base: float | None | UnsetType = UNSET
    dry_multiplier: float | None | UnsetType = UNSET
    dry_penalty_last_n: OrAll | None | UnsetType = UNSET
    dry_sequence_breakers: Annotated[list[str], Meta(min_length=1)] | None | UnsetType = UNSET
    dynatemp_exponent: float | None | UnsetType = UNSET
    dynatemp_range: float | None | UnsetType = UNSET
    grammar: str | None | UnsetType = UNSET
    id_slot: OrAll | None | UnsetType = UNSET
    json_schema: dict[str, Any] | None | UnsetType = UNSET
    lora: list[dict[str, Any]] | None | UnsetType = UNSET
    min_keep: Count | None | UnsetType = UNSET
    mirostat: Annotated[int, Meta(ge=0, le=2)] | None | UnsetType = UNSET
    mirostat_eta: float | None | UnsetType = UNSET
    mirostat_tau: float | None | UnsetType = UNSET
    n_discard: Count | None | UnsetType = UNSET
    n_indent: Count | None | UnsetType = UNSET
    n_keep: OrAll | None | UnsetType = UNSET
    n_predict: OrAll | None | UnsetType = UNSET
    n_probs: Count | None | UnsetType = UNSET
    post_sampling_probs: bool | None | UnsetType = UNSET
    reasoning_format: Literal["none", "auto", "deepseek", "deepseek-legacy"] | None | UnsetType = UNSET
    repeat_last_n: OrAll | None | UnsetType = UNSET
    repeat_penalty: Annotated[float, Meta(ge=1e-6, le=1000)] | None | UnsetType = UNSET
    response_fields: list[str] | None | UnsetType = UNSET
    return_progress: bool | None | UnsetType = UNSET
    return_tokens: bool | None | UnsetType = UNSET
    samplers: str | list[str] | None | UnsetType = UNSET
    t_max_predict_ms: OrAll | None | UnsetType = UNSET
    timings_per_token: bool | None | UnsetType = UNSET
    top_n_sigma: float | None | UnsetType = UNSET
    typical_p: float | None | UnsetType = UNSET
    xtc_probability: float | None | UnsetType = UNSET
    xtc_threshold: float | None | UnsetType = UNSET


class SglangFields(LlamaCppFields, kw_only=True):
    """Fields that SGLang adds to chats and completions."""

    ebnf: str | None | UnsetType = UNSET
    no_stop_trim: bool | None | UnsetType = UNSET
    regex: Regex | None | UnsetType = UNSET
    return_hidden_states: bool | str | None | UnsetType = UNSET
    separate_reasoning: bool | None | UnsetType = UNSET
    stop_regex: str | list[str] | None | UnsetType = UNSET
    stream_reasoning: bool | None | UnsetType = UNSET


class SwiftFields(SglangFields, kw_only=True):
    """Fields that ms-swift's clients add to chats."""

    num_beams: Positive | None | UnsetType = UNSET
