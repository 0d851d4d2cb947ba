"""Many LoRA adapters in one loaded model: PEFT holds their weights, and each row of a pass uses its own adapter.

PEFT's layers accept an adapter's name per row of a batch. All layers read the names from one shared list, because
nothing between a model's `forward` and its layers passes them on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import partial
from typing import Any

import torch
from peft import LoraConfig
from peft.tuners.lora import LoraLayer
from safetensors import SafetensorError

from modelyard.core.errors import InvalidParameter

BASE = "__base__"
"""PEFT's name for a row without an adapter."""


BROKEN = (ValueError, TypeError, RuntimeError, KeyError, AttributeError, ImportError, OSError, SafetensorError)
"""Exceptions of the libraries for files that are damaged or have another format."""

STARTS = (True, False, "gaussian", "eva", "orthogonal")
"""Initialisations of a training that do not change the model's own weights; others (PiSSA, OLoRA, CorDA, LoftQ …) do."""

OTHERS = ("bias", "modules_to_save", "target_parameters", "trainable_token_indices", "layer_replication", "use_qalora")


def _refuse_changes(path: str) -> None:
    """Raise `ValueError` for an adapter that would change the answers of other requests."""
    config = LoraConfig.from_pretrained(path)
    kinds = [
        each.name for each in fields(config) if each.metadata.get("is_lora_variant") and getattr(config, each.name)
    ]
    kinds += [name for name in OTHERS if getattr(config, name, None) not in (None, False, "none", [], {})]
    if config.init_lora_weights not in STARTS:
        kinds.append(f"init_lora_weights={config.init_lora_weights}")
    if kinds:
        raise ValueError(
            f"it has {', '.join(kinds)}, which changes more than its own answers; merge it into the model, or convert it"
        )


class AdapterSlots:
    """The adapters of a model by cache key. Used only by the thread that has the model."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._rows: list[str] | None = None
        """The adapter key of each row of the current pass; None if no row has one."""
        self._keys: set[str] = set()

    @property
    def at_work(self) -> bool:
        """Whether a row of the next pass uses an adapter."""
        return self._rows is not None

    def use(self, keys: Sequence[str]) -> None:
        """Set the adapter of each row of the next pass; an empty key means the model alone. Raises `KeyError`.

        PEFT would answer an unknown name with the model alone.
        """
        if unknown := set(keys) - self._keys - {""}:
            raise KeyError(f"adapter {sorted(unknown)[0]} is not loaded")
        self._rows = [key or BASE for key in keys] if self._keys and any(keys) else None

    def load(self, key: str, path: str, scale: float) -> None:
        """Add the adapter in a folder. Raises `InvalidParameter` with the library's reason, and then changes nothing."""
        try:
            _refuse_changes(path)
            result = self._model.load_adapter(path, adapter_name=key, adapter_kwargs={"local_files_only": True})
            self._route()
            self._check(key, result)
        except BROKEN as error:
            self._remove(key)
            reason = str(error).strip().splitlines() or [type(error).__name__]
            raise InvalidParameter("lora_path", f"'{path}' cannot be loaded: {reason[-1].strip()}") from error
        for layer in self._layers():
            if key in layer.scaling:
                layer.scaling[key] *= scale
        self._keys.add(key)

    def unload(self, key: str) -> None:
        """Unload an adapter."""
        self._keys.discard(key)
        self._remove(key)

    def _layers(self) -> list[Any]:
        return [module for module in self._model.modules() if isinstance(module, LoraLayer)]

    def _route(self) -> None:
        """Replace each layer's `forward` by one that uses the adapter of each row."""
        for layer in self._layers():
            if not isinstance(layer.forward, partial):
                layer.forward = partial(self._forward, layer.forward, layer)

    def _forward(self, theirs: Callable[..., Any], layer: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
        """A layer's pass: only the model's own layer if no row has an adapter."""
        if self._rows is None:
            return layer.base_layer(x, *args, **kwargs)
        return theirs(x, *args, adapter_names=self._rows, **kwargs)

    def _check(self, key: str, result: Any) -> None:
        """Check that all weights were assigned and every layer can mix adapters. Raises `ValueError` and PEFT's errors."""
        for what in ("missing_keys", "unexpected_keys", "mismatched_keys"):
            keys = sorted(map(str, getattr(result, what, None) or ()))
            if found := [each for each in keys if what == "unexpected_keys" or f".{key}." in each]:
                raise ValueError(f"{what.replace('_', ' ')}: {', '.join(found[:3])}")
        if not any(key in layer.scaling for layer in self._layers()):
            raise ValueError("it changes no module of this model")
        self._rows = [BASE, key]
        try:
            with torch.no_grad():
                device = self._model.get_input_embeddings().weight.device
                self._model(input_ids=torch.ones((2, 2), dtype=torch.long, device=device), use_cache=False)
        finally:
            self._rows = None

    def _remove(self, key: str) -> None:
        """Remove an adapter, even if it was loaded only in part."""
        for layer in self._layers():
            layer.delete_adapter(key)
        getattr(self._model, "peft_config", {}).pop(key, None)
