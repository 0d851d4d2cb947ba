"""A model in a private child process, launched as on a server, with the methods of `InferClient`."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelyard.catalog.adapters import is_adapter
from modelyard.catalog.files import describe
from modelyard.core.errors import AdapterNotFound, BadRequest
from modelyard.infer.child import PrivateServer
from modelyard.infer.launch_request import DEFAULT_ADAPTER, LaunchSpec, body
from modelyard.infer.remote import InferClient
from modelyard.infer.requests import AdapterRequest

Adapters = str | list[str] | tuple[str, ...] | Mapping[str, str]


class Engine(InferClient):
    """A model that is ready for requests. Close it, or use it in a `with` block; it ends at the latest with this process.

    `model` is a hub id or a path, `model_type` a name of ms-swift or of the catalog; `adapters` are `name=path`, or a path
    for `default-lora`. Other keyword arguments are options of the engine, as listed in `docs/reference/engines.md`.
    Raises the errors of a launch, with the engine's own message if it did not start.
    """

    backend = "auto"

    def __init__(
        self,
        model: str | None = None,
        *,
        model_type: str | None = None,
        adapters: Adapters = (),
        infer_backend: str | None = None,
        served_model_name: str | None = None,
        **options: Any,
    ) -> None:
        spec = LaunchSpec(
            model_type,
            model,
            tuple(named_adapters(adapters)),
            infer_backend or self.backend,
            served_model_name,
            {key: value for key, value in options.items() if value is not None},
        )
        launch = body(spec)
        if model and Path(model).expanduser().exists() and not is_adapter(model) and "model_type" not in launch:
            describe(launch["model_name"])  # the server checks this too, but takes seconds to start
        self.server = PrivateServer()
        try:
            uid = self.server.client.models.launch(**launch)
        except BaseException:
            self.server.client.close()
            self.server.close()
            raise
        self.info = self.server.client.models.describe(uid)
        self._loading = threading.Lock()
        self._loaded = {each: "" for each in self.server.client.models.list()}
        super().__init__(base_url=self.server.url, api_key=None, model=uid)

    def _prepare(self, adapter: AdapterRequest | None) -> None:
        """Load a request's adapter if it is not loaded yet. Raises `AdapterNotFound` or `AdapterInvalid`."""
        if adapter is None:
            return
        with self._loading:
            before = self._loaded.get(adapter.name)
            if before == adapter.path or (before is not None and not adapter.path) or before == "":
                return
            if before is not None:
                raise BadRequest(f"Adapter '{adapter.name}' was loaded from {before}, and not from {adapter.path}.")
            if not adapter.path:
                raise AdapterNotFound(adapter.name, [name for name in self._loaded if name != self.model])
            self.server.client.adapters.load(adapter.name, adapter.path, model=self.model)
            self._loaded[adapter.name] = adapter.path

    def close(self) -> None:
        """Stop the model and its process, and wait until they have ended."""
        super().close()
        self.server.client.close()
        self.server.close()


class VllmEngine(Engine):
    """A model on vLLM."""

    backend = "vllm"


class TransformersEngine(Engine):
    """A model on Hugging Face transformers."""

    backend = "transformers"


class LlamaEngine(Engine):
    """A model on llama.cpp."""

    backend = "llama_cpp"


def named_adapters(given: Adapters) -> list[tuple[str, str]]:
    """Name and path of each adapter; the first one without a name is `default-lora`. Raises `BadRequest` for a second one."""
    if isinstance(given, Mapping):
        return list(given.items())
    found: list[tuple[str, str]] = []
    for each in [given] if isinstance(given, str) else given:
        name, equals, path = each.partition("=")
        pair = (name, path) if equals else (DEFAULT_ADAPTER, each)
        if pair[0] in dict(found):
            raise BadRequest(f"Two adapters are called '{pair[0]}'; write name=path.")
        found.append(pair)
    return found
