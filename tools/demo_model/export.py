# Owns the shipped files: a checkpoint in, a Hugging Face folder and a GGUF file out. It trains nothing.
from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from tools.demo_model.chat import CHAT_TEMPLATE, END_OF_TEXT, SPECIAL_TOKENS, TURN_END
from tools.demo_model.model import ModelShape
from tools.demo_model.rounding import round_file
from tools.demo_model.tokenizer import PRE_TOKENIZER_NAME

NAME = "modelyard-demo"
SHIPPED = Path(__file__).parents[2] / "src" / "modelyard" / "catalog" / "demo"
GGUF_NAMES = {
    "embed_tokens": "token_embd",
    "norm": "output_norm",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def export(checkpoint: Path, tokenizer: Path, out: Path) -> list[Path]:
    """Writes `hf/` and `modelyard-demo.gguf` under `out` and returns what it wrote."""
    saved = torch.load(checkpoint, map_location="cpu", weights_only=True)
    shape = ModelShape(**saved["shape"])
    vocabulary = json.loads(tokenizer.read_text(encoding="utf-8"))
    folder = out / "hf"
    folder.mkdir(parents=True, exist_ok=True)
    write_hugging_face(folder, shape, saved["model"], vocabulary)
    write_gguf(out / f"{NAME}.gguf", shape, saved["model"], vocabulary)
    return sorted([*folder.iterdir(), out / f"{NAME}.gguf"])


def write_hugging_face(folder: Path, shape: ModelShape, weights: dict[str, Tensor], vocabulary: dict[str, Any]) -> None:
    tensors = {f"model.{name}": weight.to(torch.bfloat16).contiguous() for name, weight in weights.items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    round_file(folder / "model.safetensors")
    (folder / "tokenizer.json").write_text(compact(vocabulary), encoding="utf-8")
    (folder / "chat_template.jinja").write_text(CHAT_TEMPLATE, encoding="utf-8")
    _write_json(folder / "config.json", hugging_face_config(shape))
    ends = {"bos_token_id": 0, "eos_token_id": [2, 0], "pad_token_id": 0}
    _write_json(folder / "generation_config.json", {**ends, "do_sample": False, "max_new_tokens": 128})
    _write_json(folder / "tokenizer_config.json", tokenizer_config(shape))
    special = {"bos_token": END_OF_TEXT, "eos_token": TURN_END, "pad_token": END_OF_TEXT}
    _write_json(folder / "special_tokens_map.json", special)


def hugging_face_config(shape: ModelShape) -> dict[str, Any]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": shape.vocab_size,
        "hidden_size": shape.hidden_size,
        "intermediate_size": shape.intermediate_size,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "head_dim": shape.head_dim,
        "max_position_embeddings": shape.context_length,
        "rope_theta": shape.rope_theta,
        "rope_parameters": {"rope_type": "default", "rope_theta": shape.rope_theta},
        "rms_norm_eps": shape.norm_eps,
        "hidden_act": "silu",
        "attention_bias": False,
        "mlp_bias": False,
        "attention_dropout": 0.0,
        "initializer_range": 0.02,
        "tie_word_embeddings": True,
        "use_cache": True,
        "bos_token_id": SPECIAL_TOKENS.index(END_OF_TEXT),
        "eos_token_id": SPECIAL_TOKENS.index(TURN_END),
        "pad_token_id": SPECIAL_TOKENS.index(END_OF_TEXT),
        "torch_dtype": "bfloat16",
        "dtype": "bfloat16",
    }


def tokenizer_config(shape: ModelShape) -> dict[str, Any]:
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "add_bos_token": False,
        "add_prefix_space": False,
        "bos_token": END_OF_TEXT,
        "eos_token": TURN_END,
        "pad_token": END_OF_TEXT,
        "clean_up_tokenization_spaces": False,
        "model_max_length": shape.context_length,
        "chat_template": CHAT_TEMPLATE,
    }


def write_gguf(path: Path, shape: ModelShape, weights: dict[str, Tensor], vocabulary: dict[str, Any]) -> None:
    """Q8_0 matrices and F32 norms; queries and keys permuted from half to interleaved rotary order."""
    writer = gguf.GGUFWriter(path, "llama")
    _write_shape(writer, shape)
    _write_vocabulary(writer, shape, vocabulary)
    for name, weight in weights.items():
        array = weight.float().numpy()
        if "q_proj" in name or "k_proj" in name:
            array = interleave(array, shape.heads if "q_proj" in name else shape.kv_heads)
        if array.ndim == 1:
            writer.add_tensor(gguf_name(name), array)
            continue
        packed = gguf.quants.quantize(array, gguf.GGMLQuantizationType.Q8_0)
        writer.add_tensor(gguf_name(name), packed, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def interleave(rows: np.ndarray[Any, np.dtype[np.float32]], heads: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """The row order of llama.cpp's Llama graph, as convert_hf_to_gguf.py's `permute` makes it."""
    halves = rows.reshape(heads, 2, rows.shape[0] // heads // 2, rows.shape[1])
    return np.ascontiguousarray(halves.swapaxes(1, 2).reshape(rows.shape))


def gguf_name(name: str) -> str:
    """`layers.3.mlp.up_proj.weight` -> `blk.3.ffn_up.weight`."""
    stem = name.removesuffix(".weight")
    if not stem.startswith("layers."):
        return f"{GGUF_NAMES[stem]}.weight"
    _, layer, part = stem.split(".", 2)
    return f"blk.{layer}.{GGUF_NAMES[part]}.weight"


def _write_shape(writer: gguf.GGUFWriter, shape: ModelShape) -> None:
    writer.add_name(NAME)
    writer.add_type("model")
    writer.add_author("Modelyard")
    writer.add_license("apache-2.0")
    writer.add_languages(["en", "zh"])
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_vocab_size(shape.vocab_size)
    writer.add_context_length(shape.context_length)
    writer.add_embedding_length(shape.hidden_size)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.intermediate_size)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_key_length(shape.head_dim)
    writer.add_value_length(shape.head_dim)
    writer.add_rope_dimension_count(shape.head_dim)
    writer.add_rope_freq_base(shape.rope_theta)
    writer.add_layer_norm_rms_eps(shape.norm_eps)


def _write_vocabulary(writer: gguf.GGUFWriter, shape: ModelShape, vocabulary: dict[str, Any]) -> None:
    ids: dict[str, int] = vocabulary["model"]["vocab"]
    tokens = sorted(ids, key=lambda token: ids[token])
    if len(tokens) != shape.vocab_size:
        raise ValueError(
            f"The tokenizer has {len(tokens)} tokens, the model {shape.vocab_size}: export both of one run."
        )
    kinds = [gguf.TokenType.CONTROL if token in SPECIAL_TOKENS else gguf.TokenType.NORMAL for token in tokens]
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in vocabulary["model"]["merges"]]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(PRE_TOKENIZER_NAME)
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(merges)
    writer.add_bos_token_id(ids[END_OF_TEXT])
    writer.add_eos_token_id(ids[TURN_END])
    writer.add_eot_token_id(ids[TURN_END])
    writer.add_pad_token_id(ids[END_OF_TEXT])
    writer.add_add_bos_token(False)
    writer.add_chat_template(CHAT_TEMPLATE)


def compact(vocabulary: dict[str, Any]) -> str:
    """A tokenizer as JSON without white space, which takes less than half the room."""
    return json.dumps(vocabulary, ensure_ascii=False, separators=(",", ":"))


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description="Export a checkpoint as safetensors and as GGUF.")
    parser.add_argument("--checkpoint", type=Path, required=True, help="checkpoint.pt made by tools.demo_model.train")
    parser.add_argument("--tokenizer", type=Path, required=True, help="the tokenizer.json it was trained with")
    parser.add_argument("--out", type=Path, default=SHIPPED, help="target folder (default: the package's own)")
    args = parser.parse_args()
    for path in export(args.checkpoint, args.tokenizer, args.out):
        print(f"{path.stat().st_size:>10,}  {path}")


if __name__ == "__main__":
    main()
