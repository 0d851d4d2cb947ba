"""`client.adapters`: LoRA adapters of running models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelyard.client.calls import CallGroup, S, call
from modelyard.client.request import Request, at, data_of, given

if TYPE_CHECKING:
    from modelyard.client.types import AdapterDict


class AdapterCalls(CallGroup[S]):
    """LoRA adapters: load, unload and list them."""

    @call
    def load(
        self,
        lora_name: str,
        lora_path: str,
        model: str | None = None,
        lora_scale: float | None = None,
        load_inplace: bool | None = None,
    ) -> Request[str]:
        """Load the adapter at a path on the server's machine; requests use it as model `lora_name`.

        `model` is the uid of its model, and may be omitted if only one running model suits. Returns a message.
        """
        body = given(
            lora_name=lora_name, lora_path=lora_path, model=model, lora_scale=lora_scale, load_inplace=load_inplace
        )
        return Request("POST", at("load_lora_adapter"), bytes.decode, body=body, raw=True, patient=True)

    @call
    def unload(self, lora_name: str) -> Request[str]:
        """Unload an adapter from all replicas, permanently. Returns a message."""
        path, body = at("unload_lora_adapter"), {"lora_name": lora_name}
        return Request("POST", path, bytes.decode, body=body, raw=True, patient=True)

    @call
    def list(self) -> Request[list[AdapterDict]]:
        """Every adapter with its model, its files and its state."""
        return Request("GET", at("adapters"), data_of)
