"""Registration records that are made of what files and hubs say: their fields, their names, and what is no source."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from modelyard.catalog.index import FAMILIES
from modelyard.control import drafts
from modelyard.control.drafts import draft, record_of_model
from modelyard.core.errors import InvalidParameter, ModelyardError
from modelyard.core.types import Download, Model, ModelType, RemoteFile
from modelyard.protocol.registrations import DraftRequest

DEMO = FAMILIES.folder.parent / "demo" / "modelyard-demo.gguf"
HERE = Model("m", format="ggufv2", path="/models/m.gguf")
FULL = replace(
    HERE,
    description="What it is.",
    languages=("en", "zh"),
    abilities=("chat",),
    context_length=2048,
    dimensions=8,
    size_in_billions=0.5,
    quantization="Q8_0",
)


def spec_of(model: Model) -> dict[str, Any]:
    (spec,) = record_of_model(model, "m")["model_specs"]
    return dict(spec)


def test_a_record_has_what_is_known_of_a_model() -> None:
    assert record_of_model(FULL, "name") == {
        "version": 2,
        "model_name": "name",
        "model_description": "What it is.",
        "model_lang": ["en", "zh"],
        "model_ability": ["chat"],
        "context_length": 2048,
        "dimensions": 8,
        "model_specs": [
            {
                "model_format": "ggufv2",
                "model_size_in_billions": 0.5,
                "quantizations": ["Q8_0"],
                "model_uri": "file:///models/m.gguf",
            }
        ],
    }
    assert set(record_of_model(HERE, "name")) == {"version", "model_name", "model_specs"}, "and nothing else"
    assert spec_of(HERE) == {
        "model_format": "ggufv2",
        "quantizations": ["none"],
        "model_uri": "file:///models/m.gguf",
    }


def of_hub(*names: str, format: str = "ggufv2", projector: str | None = None) -> Model:
    download = Download("modelscope", "a/b", "abc", tuple(RemoteFile(name) for name in names), "/cache/b")
    return replace(
        HERE,
        format=format,
        hub="modelscope",
        model_id="a/b",
        revision="abc",
        download=download if names else None,
        projector=projector,
    )


@pytest.mark.parametrize(
    ("model", "file"),
    [
        (of_hub("b-Q8.gguf"), "b-Q8.gguf"),
        (of_hub("b-Q8.gguf", "README.md"), "b-Q8.gguf"),
        (of_hub("b-Q8.gguf", "mmproj.gguf", projector="/cache/b/mmproj.gguf"), "b-Q8.gguf"),
        (of_hub("b-1-of-2.gguf", "b-2-of-2.gguf"), None),
        (of_hub("b-Q8.gguf", "mmproj.gguf"), None),
        (of_hub("README.md"), None),
        (of_hub(), None),
        (of_hub("b.gguf", format="pytorch"), None),
    ],
)
def test_a_model_of_a_hub_is_named_by_its_repository_and_its_one_file(model: Model, file: str | None) -> None:
    template = {} if file is None else {"model_file_name_template": file}
    assert spec_of(model) == {
        "model_format": model.format,
        "quantizations": ["none"],
        "model_hub": "modelscope",
        "model_id": "a/b",
        "model_revision": "abc",
        **template,
    }


@pytest.mark.parametrize("half", [{"hub": "huggingface"}, {"model_id": "a/b"}])
def test_half_of_a_place_on_a_hub_is_none(half: dict[str, str]) -> None:
    assert spec_of(replace(HERE, **half))["model_uri"] == "file:///models/m.gguf"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("acme/Model-7B.v1", "Model-7B.v1"),
        ("/models/my model (new).gguf", "my-model-new"),
        ("/models/folder//", "folder"),
        ("model.gguf", "model"),
        ("a/-_x_-", "x"),
        ("a/模型", "模型"),
    ],
)
def test_a_family_is_named_after_the_last_part_of_its_source(source: str, name: str) -> None:
    assert drafts._name(source) == name


def drafted(source: str, local: bool = True, **more: str) -> tuple[ModelType, dict[str, Any]]:
    return draft(DraftRequest(source=source, **more), FAMILIES, local)


def test_files_of_this_machine_are_described(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kind, record = drafted(str(DEMO))
    assert (kind, record["model_name"], record["context_length"]) == (ModelType.LLM, "modelyard-demo", 2048)
    assert drafted(str(DEMO), model_type="LLM", model_name="other")[1]["model_name"] == "other"
    (tmp_path / "here").symlink_to(DEMO.parent / "hf")
    monkeypatch.chdir(tmp_path)
    assert drafted("here")[1]["model_specs"][0]["model_uri"] == f"file://{DEMO.parent / 'hf'}", "a path without a sign"


@pytest.mark.parametrize(
    ("source", "local", "more", "param", "words"),
    [
        (str(DEMO), True, {"model_type": "embedding"}, "model_type", "the files are of type LLM, not embedding"),
        ("/no/such.gguf", True, {}, "source", ""),
        (str(DEMO), False, {}, "source", "is neither `owner/name` of a hub nor a path"),
        ("no-such", True, {}, "source", "is neither `owner/name` of a hub nor a path"),
        ("a/b/c", True, {}, "source", "is neither `owner/name` of a hub nor a path"),
        (str(DEMO), True, {"model_type": "poem"}, "model_type", ""),
    ],
)
def test_what_is_no_source_is_refused_by_its_field(
    source: str, local: bool, more: dict[str, str], param: str, words: str
) -> None:
    with pytest.raises(ModelyardError) as error:
        drafted(source, local, **more)
    assert error.value.param == param and words in error.value.message


def test_a_name_that_no_family_can_have_is_refused() -> None:
    with pytest.raises(ModelyardError):
        drafted(str(DEMO), model_name="a/b")
    with pytest.raises(InvalidParameter):
        drafted("a/b", download_hub="nowhere")
