"""Requests about families: those of the catalog and those that users registered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from modelyard.client.target import Request, a_list, an_object, anything, at


def register_model(
    model_type: str, model: str | Mapping[str, Any], persist: bool, worker_ip: str | None = None
) -> Request[None]:
    """Register a family, as a JSON string or as a dict; with `persist` it outlives the server."""
    text = model if isinstance(model, str) else msgspec.json.encode(model).decode()
    body = {"model": text, "worker_ip": worker_ip, "persist": persist}
    return Request("POST", at("model_registrations", model_type), anything, body=body)


def unregister_model(model_type: str, model_name: str) -> Request[None]:
    """Forget a registered family."""
    return Request("DELETE", at("model_registrations", model_type, model_name), anything)


def list_model_registrations(model_type: str, detailed: bool = False) -> Request[list[dict[str, Any]]]:
    """Every family of a type: name and whether it is built in, or all there is to know if `detailed`."""
    return Request("GET", at("model_registrations", model_type), a_list, {"detailed": "true" if detailed else "false"})


def get_model_registration(model_type: str, model_name: str) -> Request[dict[str, Any]]:
    """All there is to know of one family."""
    return Request("GET", at("model_registrations", model_type, model_name), an_object)


def query_engine_by_model_name(
    model_name: str, model_type: str | None = "LLM", enable_virtual_env: bool | None = None, reasons: bool = False
) -> Request[dict[str, Any]]:
    """Engine → the formats, sizes and quantisations in which it runs a family here.

    With `reasons`, the other engines are there too, each with a sentence in place of the list.
    """
    query = {} if enable_virtual_env is None else {"enable_virtual_env": str(enable_virtual_env).lower()}
    query |= {"reasons": "true"} if reasons else {}
    path = at("engines", model_type, model_name) if model_type else at("engines", model_name)
    return Request("GET", path, an_object, query)


def list_model_versions(model_type: str, model_name: str) -> Request[list[dict[str, Any]]]:
    """Every size, format and quantisation of a family, and whether its files are on the server."""
    return Request("GET", at("models", model_type, model_name, "versions"), a_list)


def get_prompts() -> Request[dict[str, Any]]:
    """Family → how its prompts are made: chat template, prompt style, stop strings."""
    return Request("GET", at("models", "prompts"), an_object)


def get_families() -> Request[dict[str, list[str]]]:
    """Ability, such as `chat` or `vision` → the families that have it."""
    return Request("GET", at("models", "families"), an_object)


def vllm_models() -> Request[dict[str, Any]]:
    """The architectures that vLLM would run on the server, by `chat` and `generate`."""
    return Request("GET", at("models", "vllm-supported"), an_object)


def estimate_memory(
    model_name: str,
    model_type: str | None = None,
    model_size_in_billions: int | float | str | None = None,
    model_format: str | None = None,
    quantization: str | None = None,
    context_length: int | None = None,
    kv_cache_dtype: int | str | None = None,
    model_engine: str | None = None,
) -> Request[dict[str, Any]]:
    """Bytes that a launch would take: `weights`, `kv_cache`, `activations`, `overhead`, `total`."""
    body = {
        "model_name": model_name,
        "model_type": model_type,
        "model_size_in_billions": model_size_in_billions,
        "model_format": model_format,
        "quantization": quantization,
        "context_length": context_length,
        "kv_cache_dtype": kv_cache_dtype,
        "model_engine": model_engine,
    }
    sent = {name: value for name, value in body.items() if value is not None}
    return Request("POST", at("models", "estimate"), an_object, body=sent)
