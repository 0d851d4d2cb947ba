"""Inference from Python: with an engine in a child process of its own, or with a running server.

`Engine` launches a model and answers requests; `InferClient` sends requests to a server. Names and results are those of
ms-swift's inference, on which `modelyard.llm` builds.
"""

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
