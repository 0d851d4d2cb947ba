"""JSON Schema of launch options, for forms: types, bounds, defaults and help texts, and two keywords: `group` and `advanced`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

GROUPS: Mapping[str, tuple[str, ...]] = {
    "model": (
        *("model_name", "model_type", "model_engine", "model_size_in_billions", "model_format", "quantization"),
        *("model_path", "base_url", "api_key_env", "upstream_model", "mmproj", "trust_remote_code"),
    ),
    "names": ("model_uid", "aliases"),
    "context": (
        *(
            "n_ctx",
            "max_model_len",
            "context_length",
            "max_length",
            "n_parallel",
            "max_num_seqs",
            "max_running_requests",
        ),
        *("max_waiting", "truncate", "context_shift", "slots"),
        *("rope_scaling", "rope_freq_base", "rope_freq_scale", "yarn_orig_ctx"),
    ),
    "devices": (
        *(
            "replica",
            "n_gpu",
            "gpu_idx",
            "device",
            "n_gpu_layers",
            "n_threads",
            "n_threads_batch",
            "main_gpu",
            "split_mode",
        ),
        *("tensor_split", "tensor_parallel_size", "pipeline_parallel_size", "data_parallel_size"),
    ),
    "memory": (
        *("gpu_memory_utilization", "mem_fraction_static", "cpu_kv_cache_gib", "kv_cache_dtype", "cache_type_k"),
        *(
            "cache_type_v",
            "cache_prompt",
            "cache_ram_mib",
            "enable_prefix_caching",
            "use_mmap",
            "use_mlock",
            "memory_mb",
        ),
    ),
    "speed": (
        *("dtype", "flash_attn", "enforce_eager", "n_batch", "n_ubatch", "max_num_batched_tokens", "max_batch_tokens"),
        *("chunked_prefill_size", "warmup"),
    ),
    "answers": (
        *("enable_thinking", "reasoning_parser", "reasoning_format", "reasoning_budget", "tool_call_parser"),
        *("chat_template", "seed", "pooling", "normalize", "prompt_name", "query_prompt_name", "document_prompt_name"),
        "safe_labels",
        *("allowed_media_hosts", "tokens", "dimensions"),
    ),
    "adapters": ("peft_model_config", "lora", "lora_scale", "enable_lora", "max_loras", "max_lora_rank"),
    "process": ("request_limits", "envs", "verbosity", "vllm_args"),
    "compatibility": (
        *("n_worker", "worker_ip", "replica_config", "enable_virtual_env", "virtual_env_packages"),
        *("virtual_env_find_links",),
    ),
    "misbehaviour": (
        *("load_seconds", "tokens_per_second", "chunk_tokens", "chunk_bytes", "answer_seconds", "error_status"),
        *("crash_at_start", "crash_after", "crash_after_requests", "hang", "hang_after", "garbage", "close_after"),
        *("adapter_error", "ignore_sigterm"),
    ),
}
"""Groups of options in the order of a form; each option by its name, which has one meaning on all engines."""

OTHER = "other"
"""The group of options that stand in no group, such as those of a plug-in that declares none."""

BASIC = frozenset(
    {
        *(
            "model_name",
            "model_type",
            "model_engine",
            "model_size_in_billions",
            "model_format",
            "quantization",
            "model_path",
        ),
        *("base_url", "api_key_env", "upstream_model", "model_uid", "aliases", "replica", "n_gpu", "gpu_idx"),
        *(
            "n_ctx",
            "max_model_len",
            "context_length",
            "max_length",
            "n_parallel",
            "max_num_seqs",
            "max_running_requests",
        ),
        *("device", "tensor_parallel_size", "gpu_memory_utilization", "mem_fraction_static", "kv_cache_dtype", "dtype"),
        *("enable_thinking", "peft_model_config", "tokens", "load_seconds"),
    }
)
"""Options that most people set; the others are advanced."""

GROUP_OF = {option: group for group, options in GROUPS.items() for option in options}


def options_schema(options: type[msgspec.Struct]) -> dict[str, Any]:
    """The schema of an engine's options, as one object. A plug-in sets `group` and `advanced` with `extra_json_schema`."""
    schema = msgspec.json.schema(options)
    others = dict(schema["$defs"])
    root = others.pop(schema["$ref"].rpartition("/")[2])
    return grouped({**root, "$defs": others} if others else root)


def grouped(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A schema of an object, with `group` and `advanced` added to each property that does not say them itself."""
    properties = {
        name: {"group": GROUP_OF.get(name, OTHER), "advanced": name not in BASIC, **found}
        for name, found in schema.get("properties", {}).items()
    }
    return {**schema, "properties": properties}
