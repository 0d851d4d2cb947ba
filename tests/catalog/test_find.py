"""Names to models: families, aliases, paths, wishes that cannot be met, and the data files themselves."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from modelyard.catalog.family import load
from modelyard.catalog.find import find
from modelyard.catalog.index import Catalog, file_name
from modelyard.catalog.resolve import Variant, resolve, size_of, variants
from modelyard.core.errors import HubUnavailable, InvalidParameter, ModelFilesInvalid, NotFound
from modelyard.core.memory import PYTORCH, footprint, kv_bytes
from modelyard.core.types import ModelType, Shape
from tests import make_gguf

QWEN = """{
  "name": "Qwen2.5-Instruct", "aliases": ["qwen2.5", "Qwen 2.5"], "type": "LLM", "languages": ["en", "zh"],
  "abilities": ["generate", "chat", "tools"], "context_length": 32768, "stop_token_ids": [151645],
  "specs": [
    {"format": "pytorch", "size_in_billions": "0_5", "aliases": ["qwen2.5-half"],
     "src": {"huggingface": {"model_id": "Qwen/Qwen2.5-0.5B-Instruct"}}},
    {"format": "ggufv2", "size_in_billions": "0_5", "quantizations": ["q4_k_m", "q8_0"],
     "src": {"huggingface": {"model_id": "Qwen/Qwen2.5-0.5B-Instruct-GGUF", "file": "qwen2.5-{quantization}.gguf"}}},
    {"format": "gptq", "size_in_billions": 7, "activated_size_in_billions": 1,
     "src": {"huggingface": {"model_id": "Qwen/Qwen2.5-7B-Instruct-GPTQ-{quantization}", "quantizations": ["Int4", "Int8"]}},
     "shape": {"num_hidden_layers": 28, "hidden_size": 3584, "num_attention_heads": 28, "num_key_value_heads": 4}}
  ]
}"""


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    (tmp_path / "llm").mkdir()
    (tmp_path / "llm" / "qwen2.5-instruct.json").write_text(QWEN)
    return Catalog(tmp_path)


def picked(variant: Variant) -> tuple[float | None, str, str]:
    return variant.size, variant.spec.format, variant.quantization


# The demo model


@pytest.mark.parametrize("name", ["modelyard-demo", "demo", "Modelyard-Demo"])
def test_the_demo_model_is_found_by_its_names(name: str) -> None:
    model = find(name)
    assert (model.name, model.type, model.format, model.hub) == ("modelyard-demo", ModelType.LLM, "ggufv2", "package")
    assert model.path is not None and Path(model.path).is_file()
    assert "chat" in model.abilities and model.languages == ("en", "zh") and model.shape is not None


def test_the_demo_model_has_a_folder_too() -> None:
    model = find("demo", format="pytorch")
    assert model.path is not None and Path(model.path).is_dir()


# Names


def test_names_and_aliases_in_any_case(catalog: Catalog) -> None:
    for name in ("Qwen2.5-Instruct", "qwen2.5-instruct", "QWEN2.5", "qwen 2.5"):
        assert catalog.get(name).name == "Qwen2.5-Instruct"
    assert catalog.names() == ["Qwen2.5-Instruct"]
    assert catalog.names(ModelType.EMBEDDING) == []


def test_unknown_names_come_with_the_nearest(catalog: Catalog) -> None:
    with pytest.raises(NotFound, match=r"Did you mean Qwen2\.5-Instruct\?") as caught:
        find("qwen2.5-instrct", catalog=catalog)
    assert caught.value.param == "model_name"
    with pytest.raises(NotFound, match="of type embedding"):
        find("qwen2.5", type=ModelType.EMBEDDING, catalog=catalog)


def test_an_alias_of_one_spec_leaves_no_choice(catalog: Catalog) -> None:
    assert picked(resolve(catalog.get("qwen2.5-HALF"))) == (0.5, "pytorch", "none")
    with pytest.raises(InvalidParameter, match="it has pytorch"):
        resolve(catalog.get("qwen2.5-half"), format="gptq")


def test_a_broken_file_is_named_when_its_type_is_asked_for(catalog: Catalog) -> None:
    (catalog.folder / "embedding").mkdir()
    (catalog.folder / "embedding" / "broken.json").write_text('{"name": "broken", "type": "embedding", "specs": 3}')
    assert catalog.get("qwen2.5", ModelType.LLM).name == "Qwen2.5-Instruct"
    with pytest.raises(ValueError, match=r"broken\.json.*specs"):
        catalog.get("broken", ModelType.EMBEDDING)


@pytest.mark.parametrize(
    "change",
    [
        ('"context_length": 32768', '"context": 1'),
        ('"specs":', '"spec":'),
        ('"type": "LLM"', '"type": "robot"'),
        ('"specs": [', '"specs": [['),
        ('"file": ', '"files": '),
    ],
)
def test_a_wrong_file_says_where(tmp_path: Path, change: tuple[str, str]) -> None:
    file = tmp_path / "x.json"
    file.write_text(QWEN.replace(*change))
    with pytest.raises(ValueError, match=r"x\.json"):
        load(file)


def test_names_that_are_odd_as_file_names() -> None:
    assert file_name("Yi-1.5 (chat)/v2") == "yi-1.5-chat-v2"
    assert file_name("../../etc/passwd") == "etc-passwd"


# Wishes


@pytest.mark.parametrize(
    ("wish", "got"),
    [
        ({}, (0.5, "ggufv2", "q4_k_m")),
        ({"size": 0.5}, (0.5, "ggufv2", "q4_k_m")),
        ({"size": "0_5", "quantization": "Q8_0"}, (0.5, "ggufv2", "q8_0")),
        ({"format": "pytorch"}, (0.5, "pytorch", "none")),
        ({"size": "7"}, (7.0, "gptq", "Int4")),
        ({"quantization": "int8"}, (7.0, "gptq", "Int8")),
        ({"formats": ("pytorch", "ggufv2")}, (0.5, "pytorch", "none")),
    ],
)
def test_wishes(catalog: Catalog, wish: dict[str, str], got: tuple[float, str, str]) -> None:
    assert picked(resolve(catalog.get("qwen2.5"), **wish)) == got


@pytest.mark.parametrize(
    ("wish", "says"),
    [
        ({"size": 3}, "has no '3' here; it has 0.5, 7"),
        ({"format": "awq"}, "has no 'awq' here; it has pytorch, ggufv2, gptq"),
        ({"format": "gptq", "size": 0.5}, "has no '0.5' here; it has 7"),
        ({"format": "ggufv2", "quantization": "q2_k"}, "has no 'q2_k' here; it has q4_k_m, q8_0"),
    ],
)
def test_wishes_that_cannot_be_met_list_what_there_is(catalog: Catalog, wish: dict[str, str], says: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        resolve(catalog.get("qwen2.5"), **wish)
    assert says in caught.value.message


def test_all_variants(catalog: Catalog) -> None:
    assert len(variants(catalog.get("qwen2.5"))) == 1 + 2 + 2


@pytest.mark.parametrize("given", [1.8, "1.8", "1_8", " 1.8B "])
def test_sizes_are_spelled_in_many_ways(given: float | str) -> None:
    assert size_of(given) == 1.8


def test_a_size_that_is_none() -> None:
    with pytest.raises(InvalidParameter, match="model_size_in_billions"):
        size_of("big")


def test_a_family_that_only_a_hub_has(catalog: Catalog) -> None:
    with pytest.raises(HubUnavailable, match=r"'Qwen2\.5-Instruct' .*Hugging Face .*cannot be reached.*model_path"):
        find("qwen2.5", catalog=catalog)
    with pytest.raises(InvalidParameter, match="is on huggingface only"):
        find("qwen2.5", catalog=catalog, hub="modelscope")


# Paths


def test_a_path_needs_no_catalog(tmp_path: Path) -> None:
    file = make_gguf.chat_model(tmp_path / "mine.gguf")
    assert find(str(file)).name == "mine"
    assert find("anything", path=str(file)).name == "mine"
    with pytest.raises(ModelFilesInvalid, match="no such file"):
        find("./none.gguf")


def test_a_path_for_a_family_takes_the_familys_name(tmp_path: Path, catalog: Catalog) -> None:
    file = make_gguf.chat_model(tmp_path / "mine.gguf")
    model = find("qwen2.5", path=str(file), catalog=catalog)
    assert (model.name, model.languages, model.path) == ("Qwen2.5-Instruct", ("en", "zh"), str(file))
    assert model.context_length == 2048, "the files know better"


def test_importing_the_catalog_reads_no_family() -> None:
    code = "import sys, modelyard.catalog.find as f; assert not f.FAMILIES.loaded; assert 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


# Memory

SHAPE = Shape(layers=28, hidden=3584, heads=28, kv_heads=4, head_dim=128, vocab=152064)


def test_the_cache_counts_key_and_value_heads() -> None:
    assert kv_bytes(SHAPE, 1) == 28 * 4 * 128 * 2 * 2
    assert kv_bytes(SHAPE, 1000, "q8_0", "q8_0") == int(1000 * 28 * 4 * 128 * 2 * 34 / 32)


def test_an_estimate_without_a_shape_is_a_guess() -> None:
    assert footprint(1000, None, PYTORCH, context=10).kv_cache == 200
    full = footprint(1000, SHAPE, PYTORCH, context=4096, parallel=2)
    assert full.kv_cache == kv_bytes(SHAPE, 8192) and full.overhead > 0
