"""Inference from Python: with an engine in a private child process, or through a server that runs already."""

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
