"""Which files of a repository a model needs, and whether a folder has them all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from modelyard.catalog.family import ModelSource
from modelyard.catalog.hubs.complete import is_complete, named_files, place
from modelyard.catalog.hubs.select import by_names, choose_folder, choose_gguf, ggufs, in_order
from modelyard.core.errors import InvalidParameter, NotFound
from modelyard.core.types import RemoteFile


def files(*names: str) -> list[RemoteFile]:
    return [RemoteFile(name, 1) for name in names]


def names(found: list[RemoteFile]) -> list[str]:
    return [file.name for file in found]


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("qwen2.5-0.5b-instruct-q4_k_m.gguf", "q4_k_m"),
        ("DianJin-R1-7B.IQ4_XS.gguf", "IQ4_XS"),
        ("Qwen3-Embedding-0.6B-f16.gguf", "f16"),
        ("UD-Q4_K_XL/model-UD-Q4_K_XL-00001-of-00001.gguf", "UD-Q4_K_XL"),
        ("BF16/glm-BF16.gguf", "BF16"),
        ("gpt-oss-20b-mxfp4.gguf", "mxfp4"),
        ("something.gguf", "something"),
    ],
)
def test_quantizations_are_read_from_names(name: str, title: str) -> None:
    assert list(ggufs(files(name))) == [title]


def test_the_best_of_the_ladder_is_taken() -> None:
    have = files("m-q2_k.gguf", "m-q8_0.gguf", "m-q4_k_m.gguf", "mmproj-m-f16.gguf", "m.imatrix.gguf")
    assert names(choose_gguf("a/m", have, None)) == ["m-q4_k_m.gguf"]
    assert names(choose_gguf("a/m", have[:2], None)) == ["m-q8_0.gguf"]
    assert names(choose_gguf("a/m", have, "Q2_K")) == ["m-q2_k.gguf"]
    with pytest.raises(InvalidParameter, match="it has q2_k, q4_k_m, q8_0"):
        choose_gguf("a/m", have, "q3_k_m")


def test_all_parts_of_a_split_file_come() -> None:
    have = files(*(f"q8_0/m-q8_0-{part:05d}-of-00003.gguf" for part in (2, 3, 1)), "m-q2_k.gguf")
    assert names(choose_gguf("a/m", have, "q8_0")) == [f"q8_0/m-q8_0-{part:05d}-of-00003.gguf" for part in (1, 2, 3)]


def test_weights_come_in_one_kind_only() -> None:
    have = files(
        "README.md", ".gitattributes", "config.json", "tokenizer.json", "model.safetensors", "model.fp16.safetensors",
        "pytorch_model.bin", "tf_model.h5", "flax_model.msgpack", "rust_model.ot", "onnx/model.onnx",
        "openvino/openvino_model.bin", "1_Pooling/config.json", "2_Dense/pytorch_model.bin", "consolidated.00.pth",
        "original/consolidated.00.pth", "model.gguf", "training_args.bin",
    )  # fmt: skip
    assert names(choose_folder("a/m", have)) == [
        "config.json", "tokenizer.json", "model.safetensors", "1_Pooling/config.json", "2_Dense/pytorch_model.bin",
    ]  # fmt: skip


def test_a_pipeline_comes_without_its_copy_in_one_piece() -> None:
    have = files(
        "model_index.json", "v1-5-pruned.safetensors", "unet/config.json", "unet/diffusion.safetensors",
        "unet/diffusion.bin", "unet/diffusion.fp16.safetensors",
    )  # fmt: skip
    assert names(choose_folder("a/m", have)) == ["model_index.json", "unet/config.json", "unet/diffusion.safetensors"]


def test_no_weights_is_said() -> None:
    with pytest.raises(NotFound, match="has no weights"):
        choose_folder("a/m", files("README.md", "config.json"))
    with pytest.raises(NotFound, match="has no GGUF"):
        choose_gguf("a/m", files("config.json"), None)
    with pytest.raises(NotFound, match=r"has no file 'x\.gguf'; it has y\.gguf"):
        by_names("a/m", files("y.gguf"), ["x.gguf"])


def test_letter_case_of_files_is_overlooked_and_weights_come_last() -> None:
    assert names(by_names("a/m", files("Qwen-Q8_0.gguf"), ["qwen-q8_0.gguf"])) == ["Qwen-Q8_0.gguf"]
    assert names(in_order(files("a.safetensors", "z.json", "b.txt"))) == ["b.txt", "z.json", "a.safetensors"]


def test_a_source_names_its_files() -> None:
    source = ModelSource(
        model_id="a/m",
        file="m-{quantization}.gguf",
        split_file="m-{quantization}-{part}.gguf",
        parts={"q8_0": ["00001-of-00002", "00002-of-00002"]},
    )
    assert named_files(source, "q4_0") == ["m-q4_0.gguf"]
    assert named_files(source, "Q8_0") == ["m-Q8_0-00001-of-00002.gguf", "m-Q8_0-00002-of-00002.gguf"]
    assert named_files(ModelSource(model_id="a/m"), "none") == []


def test_a_folder_is_whole_with_every_part_its_index_names(tmp_path: Path) -> None:
    assert not is_complete(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    index = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    (tmp_path / "model-1.safetensors").write_bytes(b"1")
    assert not is_complete(tmp_path)
    (tmp_path / "model-2.safetensors").write_bytes(b"2")
    assert is_complete(tmp_path)
    (tmp_path / "pytorch_model.bin.index.json").write_text('{"weight_map": {"a": "pytorch_model-1.bin"}}')
    assert is_complete(tmp_path), "the same weights in another kind are not needed"
    (tmp_path / ".modelyard-unfinished").touch()
    assert not is_complete(tmp_path)


def test_a_pipeline_is_whole_with_every_component(tmp_path: Path) -> None:
    (tmp_path / "model_index.json").write_text(
        '{"_class_name": "P", "unet": ["d", "U"], "vae": ["d", "V"], "x": [null, null]}'
    )
    for name in ("unet", "vae"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text("{}")
    (tmp_path / "unet" / "weights.safetensors").write_bytes(b"1")
    assert not is_complete(tmp_path)
    (tmp_path / "vae" / "weights.safetensors").write_bytes(b"1")
    assert is_complete(tmp_path)


def test_the_place_of_a_split_file_needs_all_parts(tmp_path: Path) -> None:
    source = ModelSource(
        model_id="a/m", file="m.gguf", split_file="M-{quantization}-{part}.gguf", parts={"q8_0": ["1", "2"]}
    )
    (tmp_path / "m-q8_0-1.gguf").write_bytes(b"1")
    assert place(tmp_path, source, "q8_0") is None
    (tmp_path / "m-q8_0-2.gguf").write_bytes(b"2")
    assert place(tmp_path, source, "q8_0") == tmp_path / "m-q8_0-1.gguf"
