"""Requests about LoRA adapters of running models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelyard.client.target import Request, at, given

if TYPE_CHECKING:
    from modelyard.client.types import AdapterInfo


def load_lora_adapter(
    lora_name: str,
    lora_path: str,
    model: str | None = None,
    lora_scale: float | None = None,
    load_inplace: bool | None = None,
) -> Request[str]:
    """Load the adapter at a path of the server's machine; it answers as model `lora_name`.

    `model` is the uid it is for, and may be left out where only one running model suits. Returns a sentence.
    """
    body = given(
        lora_name=lora_name, lora_path=lora_path, model=model, lora_scale=lora_scale, load_inplace=load_inplace
    )
    return Request("POST", at("load_lora_adapter"), bytes.decode, body=body, raw=True, patient=True)


def unload_lora_adapter(lora_name: str) -> Request[str]:
    """Let an adapter go, for good. Returns a sentence."""
    return Request(
        "POST", at("unload_lora_adapter"), bytes.decode, body={"lora_name": lora_name}, raw=True, patient=True
    )


def list_adapters() -> Request[list[AdapterInfo]]:
    """Every adapter with its model, its files and its state."""
    return Request("GET", at("adapters"), lambda answer: list(answer["data"]))
