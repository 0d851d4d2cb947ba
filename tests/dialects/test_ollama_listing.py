"""Models of this server as Ollama lists and describes them, and the Modelfiles of registered families."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from modelyard.catalog.index import FAMILIES, Catalog
from modelyard.catalog.registration import parse
from modelyard.core.errors import InvalidParameter
from modelyard.core.types import ModelType
from modelyard.dialects.ollama import listing
from modelyard.dialects.ollama.blueprint import derived, license_of, modelfile, parameter_text, template_of
from modelyard.protocol.cache import CachedModel
from modelyard.protocol.models import KnowledgeModel, ModelInfo
from modelyard.protocol.ollama_creation import OllamaCreateRequest, OllamaExample

DEMO = FAMILIES.folder.parent / "demo" / "modelyard-demo.gguf"


def info(**more: Any) -> ModelInfo:
    return ModelInfo(**{"id": "m", "model_uid": "m", "model_type": "LLM", "model_name": "qwen", **more})


@pytest.mark.parametrize(
    ("billions", "text"),
    [
        (7, "7.0B"),
        (1, "1.0B"),
        (0.494, "494M"),
        (0.5, "500M"),
        ("1_8", "1.8B"),
        ("1.8", "1.8B"),
        (None, ""),
        ("large", ""),
    ],
)
def test_sizes_are_written_as_ollama_writes_them(billions: float | str | None, text: str) -> None:
    assert listing.size_text(billions) == text


def test_a_running_model_is_listed_by_its_weights_and_its_memory() -> None:
    model = info(created=86400, memory={"weights": 10, "total": 30}, context_length=512, model_format="ggufv2")
    tags = listing.running(model)
    assert (tags.name, tags.model, tags.size, tags.modified_at) == ("m:latest", "m:latest", 10, "1970-01-02T00:00:00Z")
    assert (tags.expires_at, tags.size_vram, tags.context_length) == (None, None, None)
    loaded = listing.running(model, loaded=True)
    assert (loaded.size, loaded.size_vram, loaded.context_length, loaded.modified_at) == (30, 0, 512, None)
    assert loaded.expires_at == "2318-01-01T00:00:00Z" and loaded.digest == tags.digest
    on_gpu = listing.running(info(memory={"total": 30}, accelerators=["0"]), loaded=True)
    assert (on_gpu.size_vram, on_gpu.context_length) == (30, 0)
    assert listing.running(info()).size == 0
    others = [info(id="n"), info(model_name="x"), info(quantization="q"), info(root="/r")]
    assert len({listing.running(each).digest for each in others} | {tags.digest}) == 5


@pytest.mark.parametrize(
    ("more", "found"),
    [
        ({}, ("", "", "qwen", "", "")),
        (
            {
                "parent": "p", "model_format": "ggufv2", "model_family": "qwen2",
                "model_size_in_billions": 7, "quantization": "Q4",
            },
            ("p", "gguf", "qwen2", "7.0B", "Q4"),
        ),
        ({"model_format": "pytorch"}, ("", "pytorch", "qwen", "", "")),
    ],
)  # fmt: skip
def test_details_of_a_model(more: dict[str, Any], found: tuple[str, ...]) -> None:
    made = listing.details(info(**more))
    assert made.families == [made.family]
    assert (made.parent_model, made.format, made.family, made.parameter_size, made.quantization_level) == found


@pytest.mark.parametrize(
    ("more", "capabilities"),
    [
        ({"model_type": "embedding", "model_ability": ["chat"]}, ["embedding"]),
        ({"model_ability": ["chat", "generate", "tools", "vision", "odd"]}, ["completion", "tools", "vision"]),
        ({"model_ability": ["reasoning", "hybrid", "embed"]}, ["thinking", "embedding"]),
        ({}, []),
    ],
)
def test_capabilities_are_abilities_under_ollamas_names(more: dict[str, Any], capabilities: list[str]) -> None:
    assert listing.capabilities(info(**more)) == capabilities


def test_a_description_has_the_fields_that_clients_read() -> None:
    more = {"model_family": "qwen2", "model_size_in_billions": 0.5, "context_length": 512, "dimensions": 8}
    made = listing.description(info(**more, created=86400, model_ability=["chat"]))
    assert made.model_info == {
        "general.architecture": "qwen2",
        "general.basename": "qwen",
        "general.parameter_count": 500_000_000,
        "qwen2.context_length": 512,
        "qwen2.embedding_length": 8,
    }
    assert (made.modelfile, made.parameters.split()) == ("FROM m\n", ["num_ctx", "512"])
    assert (made.capabilities, made.modified_at) == (["completion"], "1970-01-02T00:00:00Z")
    plain = listing.description(info(model_size_in_billions="large"))
    assert plain.model_info == {
        "general.architecture": "qwen", "general.basename": "qwen", "general.parameter_count": 0,
    }  # fmt: skip
    assert plain.parameters == "" and listing.description(info()).model_info["general.parameter_count"] == 0


def cached(**more: Any) -> CachedModel:
    given = {
        "model_name": "qwen", "model_type": "LLM", "model_format": "ggufv2", "quantization": "Q4_0", "model_version": "",
        "model_hub": "h", "model_id": "a/b", "revision": "r", "path": "", "real_path": "", "actor_ip_address": "",
        "size_bytes": 7,
    }  # fmt: skip
    return CachedModel(**{**given, **more})


@pytest.mark.parametrize(
    ("more", "name"),
    [
        ({"model_size_in_billions": 7}, "qwen:7.0b-q4_0"),
        ({}, "qwen:q4_0"),
        ({"quantization": "", "model_size_in_billions": 0.5}, "qwen:500m"),
        ({"quantization": ""}, "qwen:latest"),
        ({"quantization": "", "model_name": "a:b"}, "a:b"),
    ],
)
def test_a_model_on_the_disk_has_a_tag_of_its_size_and_quantisation(more: dict[str, Any], name: str) -> None:
    made = listing.cached(cached(**more))
    assert (made.name, made.model, made.size, made.details.format) == (name, name, 7, "gguf")
    others = [{"model_id": "x"}, {"revision": "x"}, {"quantization": "x"}]
    assert len({listing.cached(cached(**each)).digest for each in others} | {listing.cached(cached()).digest}) == 4


def test_a_knowledge_base_is_a_model_without_size() -> None:
    made = listing.base_model(KnowledgeModel(id="kb:docs", knowledge_base="docs", created=86400))
    assert (made.name, made.size, made.modified_at) == ("kb:docs", 0, "1970-01-02T00:00:00Z")
    about = listing.listed(made)
    assert (about.capabilities, about.modelfile) == (["completion"], "FROM kb:docs\n")
    assert about.model_info == {"general.architecture": "knowledge_base", "general.basename": "knowledge_base"}
    other = listing.listed(listing.cached(cached()))
    assert (other.capabilities, other.modified_at) == ([], "2318-01-01T00:00:00Z")


def family(path: Path, **more: Any) -> Any:
    spec = {"model_uri": str(path), "model_format": "ggufv2", "model_size_in_billions": 0.5, **more.pop("spec", {})}
    record = {"model_name": "mine", "model_ability": ["chat"], "model_specs": [spec], **more}
    return parse(ModelType.LLM, record, Catalog(FAMILIES.folder))


def test_a_registered_family_is_listed_when_its_files_are_here(tmp_path: Path) -> None:
    assert listing.created(family(tmp_path / "absent.gguf")) is None
    file = tmp_path / "m.gguf"
    file.write_bytes(DEMO.read_bytes()[:1000])
    os.utime(file, (86400, 86400))
    made = listing.created(family(file, parent_model="llama"))
    assert made is not None
    assert (made.name, made.size, made.modified_at) == ("mine:latest", 1000, "1970-01-02T00:00:00Z")
    assert (made.details.parent_model, made.details.format) == ("llama", "gguf")
    assert (made.details.parameter_size, made.details.quantization_level, made.details.family) == ("500M", "", "mine")
    again = listing.created(family(file, system_prompt="Be brief."))
    assert again is not None and again.digest != made.digest, "its Modelfile is a part of it"


SETTINGS = {
    "system_prompt": "Be brief.",
    "messages": [{"role": "user", "content": 'Say "a"'}, {"role": "assistant", "content": "a"}],
    "default_generate_config": {"temperature": 0.5, "max_tokens": 7, "stop": ["x", "y"]},
    "default_context_length": 512,
    "ollama_template": "{{ .Prompt }}",
    "chat_template": "{{ messages }}",
    "license": ["MIT", "or\nother"],
    "parent_model": "llama",
}


def test_the_modelfile_of_a_family() -> None:
    made = family(DEMO, **SETTINGS)
    assert modelfile(made) == (
        "FROM llama\nTEMPLATE {{ .Prompt }}\nSYSTEM Be brief.\nPARAMETER num_ctx 512\nPARAMETER temperature 0.5\n"
        'PARAMETER num_predict 7\nPARAMETER stop "x"\nPARAMETER stop "y"\nMESSAGE user """Say "a""""\nMESSAGE assistant a\n'
        'LICENSE """MIT\nor\nother"""\n'
    )
    assert parameter_text(made).splitlines()[0] == f"{'num_ctx':<30} 512"
    assert (license_of(made), template_of(made)) == ("MIT\nor\nother", "{{ .Prompt }}")
    plain = family(DEMO)
    assert modelfile(plain) == f"FROM {DEMO}\n" and parameter_text(plain) == ""
    assert (license_of(plain), template_of(plain)) == ("", "")
    assert template_of(family(DEMO, chat_template="{{ messages }}")) == "{{ messages }}"
    assert license_of(family(DEMO, license="MIT")) == "MIT"


def test_a_family_completes_the_description_of_its_model() -> None:
    made = family(DEMO, **SETTINGS)
    about = listing.with_family(listing.description(info()), made)
    assert (about.license, about.template, about.system) == ("MIT\nor\nother", "{{ .Prompt }}", "Be brief.")
    assert about.messages == SETTINGS["messages"] and about.details.parent_model == "llama"
    assert about.modelfile == modelfile(made) and about.parameters == parameter_text(made)
    assert about.capabilities == ["completion"]
    kept = listing.with_family(listing.description(info(context_length=7, model_ability=["tools"])), family(DEMO))
    assert (kept.parameters.split(), kept.capabilities) == (["num_ctx", "7"], ["tools"])


PARENT = {
    "version": 1,
    "model_name": "old",
    "prompt_style": "qwen",
    "model_ability": ["chat", "tools", "generate"],
    "default_generate_config": {"temperature": 0.1, "top_k": 5},
    "runs_on": "old",
    "system_prompt": "Old.",
}


def change(*adapters: str, **fields: Any) -> dict[str, Any]:
    """What differs from the parent; None for what is gone."""
    found = derived(PARENT, "new", OllamaCreateRequest(**fields), adapters)
    assert found.pop("model_name") == "new"
    kept = {name: value for name, value in PARENT.items() if name != "model_name"}
    changed = {name: value for name, value in found.items() if kept.get(name) != value}
    return changed | {name: None for name in kept if name not in found}


@pytest.mark.parametrize(
    ("fields", "changed"),
    [
        ({}, {}),
        ({"from_": "old:1b"}, {"parent_model": "old:1b"}),
        ({"system": "New."}, {"system_prompt": "New."}),
        ({"system": ""}, {"system_prompt": ""}),
        ({"messages": [OllamaExample("user", "a")]}, {"messages": [{"role": "user", "content": "a"}]}),
        ({"messages": []}, {"messages": []}),
        ({"license": "MIT"}, {"license": "MIT"}),
        ({"license": ""}, {}),
        (
            {"parameters": {"temperature": 0.9, "num_predict": 5}},
            {"default_generate_config": {"temperature": 0.9, "top_k": 5, "max_tokens": 5}},
        ),
        ({"parameters": {"num_ctx": 1}}, {"default_context_length": 1, "runs_on": None}),
        ({"parameters": {"num_ctx": None}}, {"runs_on": None}),
        ({"files": {"a.gguf": "sha256:" + "0" * 64}}, {"runs_on": None}),
        (
            {"template": "{{ messages }}{% if a %}{% endif %}"},
            {
                "version": 2,
                "prompt_style": None,
                "chat_template": "{{ messages }}{% if a %}{% endif %}",
                "ollama_template": "{{ messages }}{% if a %}{% endif %}",
                "model_ability": ["chat", "generate"],
                "runs_on": None,
            },
        ),
    ],
)
def test_a_new_model_is_its_parent_with_what_the_request_changes(
    fields: dict[str, Any], changed: dict[str, Any]
) -> None:
    assert change(**fields) == changed


def test_a_model_with_adapters_does_not_run_on_its_parent() -> None:
    assert change("/a.gguf", "/b.gguf") == {"adapters": ["/a.gguf", "/b.gguf"], "runs_on": None}


@pytest.mark.parametrize("value", [0, -1, True, "512", 1.5])
def test_a_context_is_a_number_of_tokens(value: Any) -> None:
    with pytest.raises(InvalidParameter) as error:
        change(parameters={"num_ctx": value})
    assert error.value.param == "parameters.num_ctx"
