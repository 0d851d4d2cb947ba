"""From files to a `Model`: GGUF headers, Hugging Face folders, and the sentences for files that are neither."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelyard.catalog.files import describe
from modelyard.catalog.thinking import chat_abilities, thinking_key
from modelyard.core.errors import ModelFilesInvalid
from modelyard.core.types import Model, ModelType, Shape
from tests import make_gguf

QWEN_LIKE = (
    "{% if tools %}{{ tools }}{% endif %}{%- if enable_thinking is defined and enable_thinking %}<think>{% endif %}"
)


def test_a_chat_model(tmp_path: Path) -> None:
    file = make_gguf.chat_model(tmp_path / "tiny-Q8_0.gguf", template=QWEN_LIKE)
    model = describe(file)
    assert (model.name, model.type, model.format, model.path) == ("tiny-Q8_0", ModelType.LLM, "ggufv2", str(file))
    assert (model.architecture, model.context_length, model.quantization) == ("llama", 2048, "F32")
    assert model.abilities == ("generate", "chat", "tools", "reasoning", "hybrid")
    assert model.thinking_key == "enable_thinking"
    assert model.weights_bytes == file.stat().st_size
    assert model.shape == Shape(layers=2, hidden=64, heads=4, kv_heads=2, head_dim=16, vocab=286, parameters=110656)


def test_a_model_without_a_template_does_not_chat(tmp_path: Path) -> None:
    assert describe(make_gguf.chat_model(tmp_path / "m.gguf", template=None)).abilities == ("generate",)


def test_embedders_and_rerankers_are_known_by_their_header(tmp_path: Path) -> None:
    embedder = describe(make_gguf.embedding_model(tmp_path / "e.gguf"))
    assert (embedder.type, embedder.abilities, embedder.dimensions) == (ModelType.EMBEDDING, ("embed",), 64)
    reranker = describe(make_gguf.rerank_model(tmp_path / "r.gguf"))
    assert (reranker.type, reranker.abilities, reranker.dimensions) == (ModelType.RERANK, ("rerank",), None)


def test_heads_may_differ_between_layers_and_head_size_from_the_width(tmp_path: Path) -> None:
    model = describe(
        make_gguf.chat_model(
            tmp_path / "m.gguf", metadata={"llama.attention.key_length": 128}, kv_heads_per_layer=[1, 4]
        )
    )
    assert model.shape is not None
    assert (model.shape.kv_heads, model.shape.head_dim) == (3, 128)


def test_parts_of_a_split_model_count_together(tmp_path: Path) -> None:
    first = make_gguf.chat_model(tmp_path / "m-00001-of-00002.gguf")
    with pytest.raises(ModelFilesInvalid, match=r"m-00002-of-00002\.gguf' is missing"):
        describe(first)
    second = make_gguf.chat_model(tmp_path / "m-00002-of-00002.gguf")
    model = describe(first)
    assert (model.name, model.weights_bytes) == ("m", first.stat().st_size * 2)
    assert describe(tmp_path).path == str(first)
    with pytest.raises(ModelFilesInvalid, match="part 2 of 2"):
        describe(second)


def test_the_home_folder_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    make_gguf.chat_model(tmp_path / "m.gguf")
    assert describe("~/m.gguf").path == str(tmp_path / "m.gguf")


def refused(path: Path) -> str:
    with pytest.raises(ModelFilesInvalid) as caught:
        describe(path)
    return caught.value.message


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"hello world, this is a text", "not a GGUF file but something else"),
        (b"PK\x03\x04rest", "zip archive or a PyTorch checkpoint"),
        (b"ggjtxxxxxxxxxxxx", "old GGML file"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "Git LFS pointer"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b'\x10\x00\x00\x00\x00\x00\x00\x00{"a"', "safetensors"),
        (b"GGUF\x01\x00\x00\x00" + b"\x00" * 20, "version 1"),
        (b"GGUF\x03\x00\x00\x00", "ends too early"),
    ],
)
def test_other_files_are_named_for_what_they_are(tmp_path: Path, content: bytes, says: str) -> None:
    file = tmp_path / "x.gguf"
    file.write_bytes(content)
    assert says in refused(file)


@pytest.mark.parametrize("keep", [5, 30, 100, 5000, 9_000, 200_000])
def test_a_file_cut_anywhere_is_truncated(tmp_path: Path, keep: int) -> None:
    whole = make_gguf.chat_model(tmp_path / "whole.gguf")
    assert "ends too early" in refused(make_gguf.truncated(tmp_path / "cut.gguf", whole, keep))


def test_what_is_no_model_by_itself_says_where_it_belongs(tmp_path: Path) -> None:
    assert "option `lora`" in refused(make_gguf.adapter(tmp_path / "lora.gguf"))


def test_folders_that_are_no_model(tmp_path: Path) -> None:
    assert "no such file or folder" in refused(tmp_path / "none")
    assert "empty" in refused(tmp_path)
    (tmp_path / "readme.txt").write_text("x")
    assert "neither a config.json nor a .gguf" in refused(tmp_path)
    make_gguf.chat_model(tmp_path / "a.gguf")
    make_gguf.truncated(tmp_path / "mmproj-a.gguf", tmp_path / "a.gguf", 10)
    assert describe(tmp_path).name == "a"
    make_gguf.chat_model(tmp_path / "b.gguf")
    assert "name one of them: a.gguf, b.gguf" in refused(tmp_path)


# Hugging Face folders

LLAMA: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 4096,
    "vocab_size": 100,
    "torch_dtype": "float16",
}

Folder = Callable[..., Model]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    def make(config: dict[str, Any], **files: str) -> Model:
        (tmp_path / "config.json").write_text(json.dumps(config))
        (tmp_path / "model.safetensors").write_bytes(b"x" * 2000)
        for name, text in files.items():
            (tmp_path / name.replace("__", ".")).write_text(text)
        return describe(tmp_path)

    return make


def test_a_language_model_folder(folder: Folder) -> None:
    model = folder(LLAMA, chat_template__jinja=QWEN_LIKE)
    assert (model.type, model.format, model.architecture) == (ModelType.LLM, "pytorch", "LlamaForCausalLM")
    assert (model.context_length, model.weights_bytes, model.quantization) == (4096, 2000, "none")
    assert model.shape == Shape(2, 64, 4, 2, 16, 100, 1000)
    assert "tools" in model.abilities and model.thinking_key == "enable_thinking"


def test_templates_stand_in_several_places(folder: Folder) -> None:
    several = [{"name": "default", "template": "{{ messages }}"}, {"name": "tool_use", "template": "{{ tools }}"}]
    assert "tools" in folder(LLAMA, tokenizer_config__json=json.dumps({"chat_template": several})).abilities


def test_vision_models_keep_their_dimensions_a_level_down(folder: Folder) -> None:
    nested = {"architectures": ["Qwen2VLForConditionalGeneration"], "text_config": LLAMA, "vision_config": {}}
    model = folder(nested)
    assert model.type is ModelType.LLM and "vision" in model.abilities
    assert model.shape is not None and model.shape.layers == 2


@pytest.mark.parametrize(
    ("extra", "format", "quantization"),
    [
        ({"quantization_config": {"quant_method": "gptq", "bits": 4}}, "gptq", "Int4"),
        ({"quantization_config": {"quant_method": "awq", "bits": 4}}, "awq", "Int4"),
        ({"quantization_config": {"quant_method": "fp8"}}, "fp8", "fp8"),
        ({"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}}, "bnb", "Int4"),
        ({"quantization": {"group_size": 64, "bits": 8}}, "mlx", "Int8"),
    ],
)
def test_quantised_folders(folder: Folder, extra: dict[str, Any], format: str, quantization: str) -> None:
    model = folder({**LLAMA, **extra})
    assert (model.format, model.quantization) == (format, quantization)


def test_embedders_rerankers_and_classifiers(folder: Folder) -> None:
    assert folder({**LLAMA, "architectures": ["BertModel"]}).type is ModelType.EMBEDDING
    ranker = folder({**LLAMA, "architectures": ["XLMRobertaForSequenceClassification"], "id2label": {"0": "LABEL_0"}})
    assert (ranker.type, ranker.abilities) == (ModelType.RERANK, ("rerank",))
    for labels in ({"num_labels": 3}, {"id2label": {"0": "ham", "1": "spam"}}, {}):  # without a number there are two
        classifier = folder({**LLAMA, "architectures": ["BertForSequenceClassification"], **labels})
        assert (classifier.type, classifier.abilities) == (ModelType.RERANK, ("classify",))
    sentence = folder({**LLAMA, "architectures": ["Qwen3ForCausalLM"]}, modules__json="[]")
    assert (sentence.type, sentence.dimensions) == (ModelType.EMBEDDING, 64)


@pytest.mark.parametrize(
    ("config", "files", "length"),
    [
        ({}, {}, 4096),
        ({}, {"sentence_bert_config__json": '{"max_seq_length": 256}'}, 256),
        ({}, {"sentence_bert_config__json": '{"max_seq_length": null, "do_lower_case": false}'}, 4096),
        ({}, {"tokenizer_config__json": '{"model_max_length": 512}'}, 512),
        ({}, {"tokenizer_config__json": '{"model_max_length": 1000000000000000019884624838656}'}, 4096),
        ({"model_type": "xlm-roberta", "pad_token_id": 1, "max_position_embeddings": 514}, {}, 512),
        ({"max_position_embeddings": None}, {}, 0),
    ],
)
def test_how_much_encoders_read(folder: Folder, config: dict[str, Any], files: dict[str, str], length: int) -> None:
    for architecture in ("BertModel", "BertForSequenceClassification"):
        labels = {"num_labels": 1} if "Sequence" in architecture else {}
        assert folder({**LLAMA, "architectures": [architecture], **labels, **config}, **files).context_length == length
    if not config:
        assert folder(LLAMA, **files).context_length == 4096, "language models are not cut by their tokenizers"


def test_damaged_folders(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{")
    (tmp_path / "model.safetensors").write_bytes(b"x")
    assert "config.json cannot be read" in refused(tmp_path)
    (tmp_path / "config.json").write_text("[]")
    assert "not a JSON object" in refused(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(LLAMA))
    (tmp_path / "model.safetensors").unlink()
    assert "no weights" in refused(tmp_path)


# Templates


@pytest.mark.parametrize(
    ("template", "key"),
    [
        ("{% if enable_thinking is defined %}x{% endif %}", "enable_thinking"),
        ("{%- if not thinking is defined %}{% set thinking = false %}{% endif %}", "thinking"),
        ("{% if message['thinking'] %}{{ message.thinking }}{% endif %}", None),
        ("You are thinking. {{ messages }}", None),
        ("{% if message.thinking %}{% endif %}", None),
    ],
)
def test_the_switch_for_thoughts(template: str, key: str | None) -> None:
    assert thinking_key(template) == key


def test_abilities_of_templates() -> None:
    assert chat_abilities("") == ("generate",)
    assert chat_abilities("{{ messages }}") == ("generate", "chat")
    assert chat_abilities("{{ messages }}<think>") == ("generate", "chat", "reasoning")


@pytest.mark.parametrize(
    "config",
    [
        {"architectures": 5},
        {"architectures": "LlamaForCausalLM", "quantization_config": "awq"},
        {"text_config": ["a"]},
        {"quantization_config": {"bits": {}}, "architectures": [7]},
    ],
)
def test_a_configuration_of_another_kind_is_said(tmp_path: Path, config: dict[str, object]) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "model.safetensors").write_bytes(b"1")
    with pytest.raises(ModelFilesInvalid, match="not of the kind expected"):
        describe(tmp_path)


@pytest.mark.parametrize("name", ["a" * 5000, "/" + "b" * 300, "~no-such-user/x"])
def test_names_that_no_file_can_have_are_said(name: str) -> None:
    with pytest.raises(ModelFilesInvalid):
        describe(name)
