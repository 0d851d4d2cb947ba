"""The demo model with a template that knows tools and thoughts, as each engine takes it, and small encoders."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gguf
from gguf.scripts.gguf_new_metadata import MetadataDetails, copy_with_new_metadata

from tests import make_gguf
from tests.causal_models import DEMO, with_hole_tokens
from tests.encoder_models import make_tiny, minilm

TEMPLATE = (
    '{% if tools %}<|im_start|>system\nAnswer by <tool_call>{"name": …, "arguments": …}</tool_call> with one of: '
    "{{ tools | tojson }}<|im_end|>\n{% endif %}"
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{% if message.reasoning_content %}<think>\n{{ message.reasoning_content }}\n</think>\n\n{% endif %}"
    "{{ message.content }}"
    "{% for call in message.tool_calls or [] %}"
    '<tool_call>\n{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}\n</tool_call>'
    "{% endfor %}"
    "<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and enable_thinking %}<think>\n{% endif %}{% endif %}"
)
"""As the demo model's own where there are no tools and no thoughts."""


def demo_folder(folder: Path) -> Path:
    """The demo model as a Hugging Face folder."""
    made = folder / "demo"
    if not made.is_dir():
        shutil.copytree(DEMO, made)
        (made / "chat_template.jinja").write_text(TEMPLATE, encoding="utf-8")
    return made


def demo_gguf(folder: Path) -> Path:
    """The demo model as a GGUF file."""
    reader = gguf.GGUFReader(DEMO.parent / "modelyard-demo.gguf")
    made = folder / "demo.gguf"
    field = reader.fields[gguf.Keys.General.ARCHITECTURE]
    writer = gguf.GGUFWriter(made, arch=field.contents(), endianess=reader.endianess)
    new = {gguf.Keys.Tokenizer.CHAT_TEMPLATE: MetadataDetails(gguf.GGUFValueType.STRING, TEMPLATE)}
    copy_with_new_metadata(reader, writer, new, [])
    return made


Body = Mapping[str, Any]

SILENT: Body = {"enable_thinking": False}
"""No thoughts unless a request asks for them, so that engines are asked alike."""

CHAT: Mapping[str, Callable[[Path], Body]] = {
    "fake": lambda folder: {"model_name": "fake"},
    "llama_cpp": lambda folder: {"model_name": str(demo_gguf(folder)), **SILENT},
    "transformers": lambda folder: {"model_name": str(with_hole_tokens(folder, demo_folder(folder))), **SILENT},
    "vllm": lambda folder: {
        "model_name": str(demo_folder(folder)),
        "max_model_len": 2048,
        "tool_call_parser": "hermes",
        "reasoning_parser": "qwen3",
        **SILENT,
        # a tiny model never stops writing blanks where a grammar lets it
        "vllm_args": ["--structured-outputs-config", '{"disable_any_whitespace": true, "backend": "xgrammar"}'],
    },
}
"""What to launch on each engine that chats."""

EMBEDDING: Mapping[str, Callable[[Path], Body]] = {
    "fake": lambda folder: {"model_type": "embedding", "model_name": "fake"},
    "llama_cpp": lambda folder: {
        "model_type": "embedding",
        "model_path": str(make_gguf.embedding_model(folder / "embed.gguf")),
    },
    "sentence_transformers": lambda folder: {"model_engine": None, "model_path": str(minilm())},
    "vllm": lambda folder: {"model_type": "embedding", "model_path": str(minilm())},
}

RERANK: Mapping[str, Callable[[Path], Body]] = {
    "fake": lambda folder: {"model_type": "rerank", "model_name": "fake"},
    "llama_cpp": lambda folder: {
        "model_type": "rerank",
        "model_path": str(make_gguf.rerank_model(folder / "rank.gguf")),
    },
    "sentence_transformers": lambda folder: {"model_path": str(make_tiny(folder / "ranker", labels=1))},
    "vllm": lambda folder: {
        "model_type": "rerank",
        "model_path": str(make_tiny(folder / "ranker-too", labels=1, heads=2)),
    },
}

# sentence-transformers is chosen for its embedder, and the type of both is read from their folders.

CLASSIFIER: Mapping[str, Callable[[Path], Body]] = {
    "fake": lambda folder: {"model_type": "rerank", "model_name": "fake"},
    "sentence_transformers": lambda folder: {
        "model_path": str(make_tiny(folder / "classifier", names=["neutral", "insult", "threat"])),
    },
}

KINDS = {"chat": CHAT, "embedding": EMBEDDING, "rerank": RERANK, "classifier": CLASSIFIER}
