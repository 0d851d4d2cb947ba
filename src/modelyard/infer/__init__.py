"""Inference from Python: with an engine in a child process of its own, or with a running server.

`Engine` launches a model and answers requests; `InferClient` sends requests to a server. Names and results are those of
ms-swift's inference, on which `modelyard.llm` builds. A name is imported when it is first used, because a server needs only
`launch_request` of this package, and the client that the others import takes 5 MB.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modelyard.infer.engine import Engine, LlamaEngine, TransformersEngine, VllmEngine
    from modelyard.infer.remote import InferClient
    from modelyard.infer.requests import AdapterRequest, InferRequest, RequestConfig
    from modelyard.infer.stats import InferStats

__all__ = [
    "AdapterRequest",
    "Engine",
    "InferClient",
    "InferRequest",
    "InferStats",
    "LlamaEngine",
    "RequestConfig",
    "TransformersEngine",
    "VllmEngine",
]

_MODULES = {
    **dict.fromkeys(("Engine", "LlamaEngine", "TransformersEngine", "VllmEngine"), "engine"),
    **dict.fromkeys(("AdapterRequest", "InferRequest", "RequestConfig"), "requests"),
    "InferClient": "remote",
    "InferStats": "stats",
}
"""Public name → the module of this package that has it."""


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
