"""Reading adapters, and whether one suits a model: what is wrong is a sentence, before any engine sees it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import modelyard
from modelyard.catalog.adapter_checks import check_suits
from modelyard.catalog.adapters import base_of, is_adapter, read_adapter
from modelyard.catalog.files import describe
from modelyard.core.errors import AdapterInvalid, AdapterNotFound
from tests.adapter_files import gguf_adapter, peft_adapter, safetensors

DEMO = Path(modelyard.__file__).parent / "catalog" / "demo"


def test_a_peft_folder(tmp_path: Path) -> None:
    folder = peft_adapter(
        tmp_path / "a",
        {"model.layers.0.self_attn.q_proj": (256, 256), "model.layers.4.mlp.down_proj": (256, 512)},
        base="org/base",
    )
    found = read_adapter("a", folder, 0.5)
    assert (found.format, found.rank, found.targets) == ("peft", 8, ("down_proj", "q_proj"))
    assert (found.traits, found.base, found.scale, found.path) == ((), "org/base", 0.5, str(folder))
    assert found.size == (folder / "adapter_model.safetensors").stat().st_size
    check_suits(found, describe(DEMO / "hf"))
    assert is_adapter(folder) and not is_adapter(DEMO / "hf") and not is_adapter(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("config", "traits"),
    [
        ({"use_dora": True}, ("dora",)),
        ({"bias": "all", "modules_to_save": ["lm_head"]}, ("bias", "modules_to_save")),
        ({"use_rslora": True, "rank_pattern": {"q_proj": 4}}, ()),
    ],
)
def test_what_not_every_engine_can_do(tmp_path: Path, config: dict[str, object], traits: tuple[str, ...]) -> None:
    assert read_adapter("a", peft_adapter(tmp_path / "a", **config)).traits == traits  # type: ignore[arg-type]


def test_embeddings_are_a_trait(tmp_path: Path) -> None:
    assert read_adapter("a", peft_adapter(tmp_path / "a", {"lm_head": (6144, 256)})).traits == ("embeddings",)


def test_a_gguf_file(tmp_path: Path) -> None:
    file = gguf_adapter(tmp_path / "a.gguf", {"blk.0.attn_q": (256, 256)})
    found = read_adapter("a", file)
    assert (found.format, found.rank, found.targets) == ("gguf", 4, ("attn_q",))
    check_suits(found, describe(DEMO / "modelyard-demo.gguf"))
    assert is_adapter(file) and not is_adapter(DEMO / "modelyard-demo.gguf")
    with pytest.raises(AdapterInvalid, match="no LoRA adapter"):
        read_adapter("a", DEMO / "modelyard-demo.gguf")


def test_files_that_are_missing_or_damaged(tmp_path: Path) -> None:
    with pytest.raises(AdapterNotFound, match="nothing at"):
        read_adapter("a", tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(AdapterInvalid, match=r"no adapter_config\.json"):
        read_adapter("a", tmp_path / "empty")
    folder = peft_adapter(tmp_path / "a")
    weights = folder / "adapter_model.safetensors"
    whole = weights.read_bytes()
    for damaged, words in (
        (whole[:-9], "too early"),
        (whole[:4], "no whole"),
        (b"\x09" + bytes(7) + b"{" * 20, "damaged"),
    ):
        weights.write_bytes(damaged)
        with pytest.raises(AdapterInvalid, match=words):
            read_adapter("a", folder)
    safetensors(weights, {"something.weight": (2, 2)})
    with pytest.raises(AdapterInvalid, match="no LoRA weights"):
        read_adapter("a", folder)
    weights.unlink()
    with pytest.raises(AdapterInvalid, match="neither"):
        read_adapter("a", folder)
    (folder / "adapter_config.json").write_text("[]", encoding="utf-8")
    with pytest.raises(AdapterInvalid, match="not a JSON object"):
        read_adapter("a", folder)


def test_another_kind_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(AdapterInvalid, match="kind IA3"):
        read_adapter("a", peft_adapter(tmp_path / "a", peft_type="IA3"))


@pytest.mark.parametrize(
    ("modules", "words"),
    [
        ({"model.layers.0.self_attn.q_proj": (256, 128)}, "256 × 128, and 'hf' has 256 × 256 .* another model"),
        ({"model.layers.9.self_attn.q_proj": (256, 256)}, "layers.9.self_attn.q_proj, which 'hf' does not have"),
        ({"transformer.h.0.attn.c_attn": (256, 256)}, "does not have"),
    ],
)
def test_an_adapter_of_another_model_is_refused(
    tmp_path: Path, modules: dict[str, tuple[int, int]], words: str
) -> None:
    adapter = read_adapter("a", peft_adapter(tmp_path / "a", modules))
    with pytest.raises(AdapterInvalid, match=words):
        check_suits(adapter, describe(DEMO / "hf"))


def test_a_wrapped_model_has_the_same_layers(tmp_path: Path) -> None:
    modules = {"model.language_model.layers.0.self_attn.q_proj": (256, 256)}
    check_suits(read_adapter("a", peft_adapter(tmp_path / "a", modules)), describe(DEMO / "hf"))


def test_gguf_adapters_of_other_models_are_refused(tmp_path: Path) -> None:
    model = describe(DEMO / "modelyard-demo.gguf")
    other = read_adapter("a", gguf_adapter(tmp_path / "a.gguf", {"blk.0.attn_q": (256, 256)}, architecture="qwen2"))
    with pytest.raises(AdapterInvalid, match="architecture qwen2, and this one is llama"):
        check_suits(other, model)
    large = read_adapter("b", gguf_adapter(tmp_path / "b.gguf", {"blk.0.attn_q": (512, 512)}))
    with pytest.raises(AdapterInvalid, match="512 × 512"):
        check_suits(large, model)


def test_which_base_an_adapter_names(tmp_path: Path) -> None:
    folder = peft_adapter(tmp_path / "a", base="/gone/base")
    assert base_of(folder) == "/gone/base"
    (folder / "args.json").write_text(json.dumps({"model_id_or_path": str(DEMO / "hf")}), encoding="utf-8")
    assert base_of(folder) == str(DEMO / "hf"), "a folder that is here goes before one that is not"
    assert base_of(DEMO / "hf") == ""


@pytest.mark.parametrize("path", ["~nobody-of-that-name/x", "a\0b", "x" * 5000, "~" * 300])
def test_paths_that_no_file_can_have(path: str) -> None:
    assert not is_adapter(path)
    with pytest.raises(AdapterNotFound):
        read_adapter("a", path)
