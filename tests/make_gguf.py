"""Makes tiny GGUF files with random weights: a chat model, an embedder, a reranker, an adapter, and files that are broken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf
import numpy as np

CHAT_TEMPLATE = (
    "{% for message in messages %}<|{{ message.role }}|>{{ message.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrstuvwxyz0123456789.,?!")
TOKEN_NORMAL, TOKEN_UNKNOWN, TOKEN_CONTROL, TOKEN_BYTE = 1, 2, 3, 6


@dataclass(frozen=True, slots=True)
class Dims:
    """The dimensions of a tiny model."""

    layers: int = 2
    hidden: int = 64
    heads: int = 4
    kv_heads: int = 2
    context: int = 2048

    @property
    def head_dim(self) -> int:
        return self.hidden // self.heads


def _weights(rng: np.random.Generator, *shape: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    return (rng.standard_normal(shape) * 0.05).astype(np.float32)


def _dimensions(writer: gguf.GGUFWriter, dims: Dims, feed_forward: int, kv_heads: int | list[int]) -> None:
    writer.add_context_length(dims.context)
    writer.add_embedding_length(dims.hidden)
    writer.add_block_count(dims.layers)
    writer.add_feed_forward_length(feed_forward)
    writer.add_head_count(dims.heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)


def _finish(writer: gguf.GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _byte_vocabulary(writer: gguf.GGUFWriter, end_of_text: int) -> int:
    """A SentencePiece vocabulary of the 256 bytes and a few pieces; returns its size."""
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", *"abcdefghijklmnopqrstuvwxyz"]
    kinds = [TOKEN_UNKNOWN, TOKEN_CONTROL, TOKEN_CONTROL, *[TOKEN_BYTE] * 256, *[TOKEN_NORMAL] * 27]
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_types(kinds)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(end_of_text)
    writer.add_add_bos_token(True)
    writer.add_add_space_prefix(False)
    return len(tokens)


def chat_model(
    path: Path,
    *,
    dims: Dims = Dims(),
    template: str | None = CHAT_TEMPLATE,
    metadata: Mapping[str, int] = {},
    kv_heads_per_layer: list[int] | None = None,
    seed: int = 1,
) -> Path:
    """A llama with random weights. It never says its end token of itself, so it generates until it is stopped."""
    rng = np.random.default_rng(seed)
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_name(path.stem)
    _dimensions(writer, dims, dims.hidden * 2, kv_heads_per_layer or dims.kv_heads)
    writer.add_rope_dimension_count(dims.head_dim)
    writer.add_layer_norm_rms_eps(1e-5)
    vocab = _byte_vocabulary(writer, end_of_text=2)
    if template is not None:
        writer.add_chat_template(template)
    for key, value in metadata.items():
        writer.add_uint32(key, value)
    embeddings = _weights(rng, vocab, dims.hidden)
    embeddings[:3] = 0.0
    writer.add_tensor("token_embd.weight", embeddings)
    output = _weights(rng, vocab, dims.hidden) * 20
    output[:3] = 0.0
    writer.add_tensor("output.weight", output)
    writer.add_tensor("output_norm.weight", np.ones(dims.hidden, np.float32))
    kv = dims.kv_heads * dims.head_dim
    for layer in range(dims.layers):
        block = f"blk.{layer}."
        writer.add_tensor(block + "attn_norm.weight", np.ones(dims.hidden, np.float32))
        writer.add_tensor(block + "ffn_norm.weight", np.ones(dims.hidden, np.float32))
        writer.add_tensor(block + "attn_q.weight", _weights(rng, dims.hidden, dims.hidden))
        writer.add_tensor(block + "attn_k.weight", _weights(rng, kv, dims.hidden))
        writer.add_tensor(block + "attn_v.weight", _weights(rng, kv, dims.hidden))
        writer.add_tensor(block + "attn_output.weight", _weights(rng, dims.hidden, dims.hidden))
        writer.add_tensor(block + "ffn_gate.weight", _weights(rng, dims.hidden * 2, dims.hidden))
        writer.add_tensor(block + "ffn_up.weight", _weights(rng, dims.hidden * 2, dims.hidden))
        writer.add_tensor(block + "ffn_down.weight", _weights(rng, dims.hidden, dims.hidden * 2))
    _finish(writer)
    return path


def projector(path: Path, *, dims: Dims = Dims(), seed: int = 5) -> Path:
    """What lets such a chat model see: a CLIP of two layers for pictures of 28 × 28, and two layers into the model's width."""
    rng = np.random.default_rng(seed)
    writer = gguf.GGUFWriter(str(path), "clip")
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_bool("clip.has_vision_encoder", True)
    writer.add_string("clip.projector_type", "mlp")
    writer.add_bool("clip.use_gelu", True)
    numbers = {"image_size": 28, "patch_size": 14, "embedding_length": 32, "feed_forward_length": 64, "block_count": 2,
               "projection_dim": dims.hidden, "attention.head_count": 2}  # fmt: skip
    for key, value in numbers.items():
        writer.add_uint32(f"clip.vision.{key}", value)
    writer.add_float32("clip.vision.attention.layer_norm_epsilon", 1e-5)
    writer.add_array("clip.vision.image_mean", [0.5, 0.5, 0.5])
    writer.add_array("clip.vision.image_std", [0.5, 0.5, 0.5])
    shapes: dict[str, tuple[int, ...]]
    shapes = {"v.class_embd": (32,), "v.patch_embd.weight": (32, 3, 14, 14), "v.position_embd.weight": (5, 32),
              "v.pre_ln.weight": (32,), "v.pre_ln.bias": (32,), "mm.0.weight": (dims.hidden, 32), "mm.0.bias": (dims.hidden,),
              "mm.2.weight": (dims.hidden, dims.hidden), "mm.2.bias": (dims.hidden,)}  # fmt: skip
    for layer in range(2):
        for name, shape in (("attn_q", (32, 32)), ("attn_k", (32, 32)), ("attn_v", (32, 32)), ("attn_out", (32, 32)),
                            ("ffn_up", (64, 32)), ("ffn_down", (32, 64)), ("ln1", (32,)), ("ln2", (32,))):  # fmt: skip
            shapes |= {f"v.blk.{layer}.{name}.weight": shape, f"v.blk.{layer}.{name}.bias": shape[:1]}
    for tensor, sizes in shapes.items():
        writer.add_tensor(tensor, _weights(rng, *sizes))
    _finish(writer)
    return path


def _encoder(path: Path, pooling: gguf.PoolingType, rank: bool, seed: int) -> Path:
    dims = Dims(heads=4, kv_heads=4, context=512)
    rng = np.random.default_rng(seed)
    writer = gguf.GGUFWriter(str(path), "bert")
    writer.add_name(path.stem)
    _dimensions(writer, dims, dims.hidden * 2, dims.kv_heads)
    writer.add_layer_norm_eps(1e-12)
    writer.add_causal_attention(False)
    writer.add_pooling_type(pooling)
    writer.add_token_type_count(2)
    words = ["▁" + word if not word.startswith("[") else word for word in WORDS]
    words += [word for word in WORDS if not word.startswith("[")]
    writer.add_tokenizer_model("bert")
    writer.add_token_list(words)
    writer.add_token_types([TOKEN_CONTROL] * 5 + [TOKEN_NORMAL] * (len(words) - 5))
    for add, token in (
        (writer.add_bos_token_id, 2),
        (writer.add_sep_token_id, 3),
        (writer.add_eos_token_id, 3),
        (writer.add_unk_token_id, 1),
        (writer.add_pad_token_id, 0),
        (writer.add_mask_token_id, 4),
    ):
        add(token)
    _encoder_tensors(writer, rng, dims, len(words))
    if rank:
        writer.add_tensor("cls.weight", _weights(rng, dims.hidden, dims.hidden))
        writer.add_tensor("cls.bias", np.zeros(dims.hidden, np.float32))
        writer.add_tensor("cls.output.weight", _weights(rng, 1, dims.hidden) * 20)
        writer.add_tensor("cls.output.bias", np.zeros(1, np.float32))
    _finish(writer)
    return path


def _encoder_tensors(writer: gguf.GGUFWriter, rng: np.random.Generator, dims: Dims, vocab: int) -> None:
    hidden, wide = dims.hidden, dims.hidden * 2
    writer.add_tensor("token_embd.weight", _weights(rng, vocab, hidden) * 20)
    writer.add_tensor("token_types.weight", _weights(rng, 2, hidden))
    writer.add_tensor("position_embd.weight", _weights(rng, dims.context, hidden))
    _norm(writer, "token_embd_norm", hidden)
    for layer in range(dims.layers):
        block = f"blk.{layer}."
        for name, rows, columns in (
            ("attn_q", hidden, hidden),
            ("attn_k", hidden, hidden),
            ("attn_v", hidden, hidden),
            ("attn_output", hidden, hidden),
            ("ffn_up", wide, hidden),
            ("ffn_down", hidden, wide),
        ):
            writer.add_tensor(f"{block}{name}.weight", _weights(rng, rows, columns))
            writer.add_tensor(f"{block}{name}.bias", np.zeros(rows, np.float32))
        _norm(writer, block + "attn_output_norm", hidden)
        _norm(writer, block + "layer_output_norm", hidden)


def _norm(writer: gguf.GGUFWriter, name: str, width: int) -> None:
    writer.add_tensor(name + ".weight", np.ones(width, np.float32))
    writer.add_tensor(name + ".bias", np.zeros(width, np.float32))


def embedding_model(path: Path, *, seed: int = 2) -> Path:
    """A BERT that pools by the mean: 64 dimensions, 512 tokens."""
    return _encoder(path, gguf.PoolingType.MEAN, rank=False, seed=seed)


def rerank_model(path: Path, *, seed: int = 3) -> Path:
    """A BERT with a classification head of one label."""
    return _encoder(path, gguf.PoolingType.RANK, rank=True, seed=seed)


def adapter(path: Path, *, dims: Dims = Dims(), rank: int = 4, seed: int = 4) -> Path:
    """A LoRA adapter for `chat_model`, strong enough to change what it says."""
    rng = np.random.default_rng(seed)
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(rank))
    for layer in range(dims.layers):
        name = f"blk.{layer}.attn_q.weight"
        writer.add_tensor(name + ".lora_a", _weights(rng, rank, dims.hidden) * 50)
        writer.add_tensor(name + ".lora_b", _weights(rng, dims.hidden, rank) * 50)
    _finish(writer)
    return path


def truncated(path: Path, whole: Path, keep: int) -> Path:
    """The first `keep` bytes of another file."""
    path.write_bytes(whole.read_bytes()[:keep])
    return path
