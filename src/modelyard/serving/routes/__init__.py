"""The paths that a replica answers, by model type, and the functions that prepare the loaded weights for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from modelyard.core.types import ModelType
from modelyard.engines.served import ReplicaConfig
from modelyard.serving import adapters
from modelyard.serving.app import Handler, ServedModel
from modelyard.serving.encoding import Encoding
from modelyard.serving.generating import Writer
from modelyard.serving.routes.chat import chat
from modelyard.serving.routes.classify import classify
from modelyard.serving.routes.completions import completions
from modelyard.serving.routes.embeddings import embeddings
from modelyard.serving.routes.rerank import rerank
from modelyard.serving.routes.tokens import detokenize, encoder_detokenize, encoder_tokenize, tokenize

TOKENS: Mapping[str, Handler] = {"/tokenize": tokenize, "/detokenize": detokenize}
ENCODER_TOKENS: Mapping[str, Handler] = {"/tokenize": encoder_tokenize, "/detokenize": encoder_detokenize}

ROUTES: Mapping[ModelType, Mapping[str, Handler]] = {
    ModelType.LLM: {
        "/v1/chat/completions": chat,
        "/v1/completions": completions,
        **TOKENS,
        "/v1/load_lora_adapter": adapters.load,
        "/v1/unload_lora_adapter": adapters.unload,
    },
    ModelType.EMBEDDING: {"/v1/embeddings": embeddings, **ENCODER_TOKENS},
    ModelType.RERANK: {"/v1/rerank": rerank, "/classify": classify, **ENCODER_TOKENS},
}
"""Path → handler."""

PREPARE: Mapping[ModelType, Callable[[Any, ReplicaConfig], ServedModel]] = {
    ModelType.LLM: Writer,
    ModelType.EMBEDDING: Encoding,
    ModelType.RERANK: Encoding,
}
"""Creates the model that handlers receive from the result of the engine's `load`. Called on the event loop."""
