"""The data files of the package: every one is valid, stands under its name, and together they hold all the facts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from modelyard.catalog.family import Family, ModelSource, Spec, load
from modelyard.catalog.index import FAMILIES, file_name
from modelyard.catalog.resolve import resolve, size_of, variants
from modelyard.core.types import ModelType

FACTS = Path(__file__).parents[3] / "shared" / "facts"
TYPES = {kind.lower(): kind for kind in ModelType}

needs_facts = pytest.mark.skipif(not FACTS.is_dir(), reason="the facts are not beside this checkout")


def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (FACTS / name).read_text(encoding="utf-8").splitlines()]


def test_every_family_is_valid_and_stands_under_its_name() -> None:
    files = sorted(FAMILIES.folder.rglob("*.json"))
    assert len(files) > 400
    for path in files:
        family = load(path)
        assert path == FAMILIES.folder / family.type.lower() / f"{file_name(family.name)}.json"
        assert family.specs and all(variants(family))
        for spec in family.specs:
            assert spec.size_in_billions is None or size_of(spec.size_in_billions)


def test_all_names_lead_to_their_family_and_are_taken_once() -> None:
    for kind in ModelType:
        seen: dict[str, str] = {}
        for family in FAMILIES.families(kind):
            names = [family.name, *family.aliases, *(alias for spec in family.specs for alias in spec.aliases)]
            for name in names:
                assert name.lower() not in seen, f"{name} means {seen[name.lower()]} and {family.name}"
                seen[name.lower()] = family.name
                assert FAMILIES.get(name, kind).name == family.name


def test_there_is_every_type() -> None:
    assert {family.type for family in FAMILIES.families()} == set(ModelType)


# The facts


def has(spec: Spec, hub: str, model_id: str, quantization: str) -> bool:
    source = spec.src.get(hub)
    return source is not None and source.model_id == model_id and quantization in spec.quantizations_of(source)


def wanted(row: dict[str, Any]) -> list[tuple[Any, str, str, str, str | None]]:
    """Size, hub, id, quantisation and file of everything a row of the facts names."""
    found = []
    for spec in row.get("specs") or [row]:
        for hub, source in spec["src"].items():
            file = source.get("model_file_name_template") or spec.get("model_file_name_template")
            for quantization in source.get("quantizations") or spec.get("quantizations") or ["none"]:
                found.append((spec.get("model_size_in_billions"), hub, source["model_id"], quantization, file))
    return found


@needs_facts
def test_every_line_of_the_facts_is_found() -> None:
    checked = 0
    for row in rows("catalog.jsonl"):
        family = FAMILIES.get(row["name"], TYPES[row["type"]])
        assert family.name == row["name"]
        assert set(row.get("model_ability", [])) <= set(family.abilities)
        for size, hub, model_id, quantization, file in wanted(row):
            specs = [
                one for one in family.specs if one.size_in_billions == size and has(one, hub, model_id, quantization)
            ]
            assert any(spec.src[hub].file == file for spec in specs), (row["name"], size, hub, model_id, quantization)
            checked += 1
    assert checked > 5000


@needs_facts
def test_every_older_family_is_found_with_its_style() -> None:
    for row in rows("legacy_families.jsonl"):
        family = FAMILIES.get(row["name"], ModelType.LLM)
        for spec in row["specs"]:
            for quantization in spec["quantizations"]:
                size = spec["model_size_in_billions"]
                found = [one for one in family.specs if has(one, "huggingface", spec["model_id"], quantization)]
                assert any(one.format == spec["model_format"] and one.size_in_billions == size for one in found)
        if style := row.get("prompt_style"):
            assert family.prompt_style is not None
            for key, value in style.items():
                if value:
                    assert getattr(family.prompt_style, key) == value, (row["name"], key)
            assert "{%" in (family.template or "")


@needs_facts
def test_names_of_swift_lead_to_the_same_weights() -> None:
    found = 0
    taken = {name.lower() for name in FAMILIES.names(ModelType.LLM)}
    for row in rows("swift_model_types.jsonl"):
        name = row.get("model_type", "")
        alias = next((one for family in FAMILIES.families() for one in aliases(family) if one == name), None)
        if alias is None or name.lower() in taken:
            continue
        spec = resolve(FAMILIES.get(alias)).spec
        ids = {source.model_id.lower() for source in spec.src.values() if source.model_id}
        assert ids & {row.get("huggingface", "").lower(), row.get("modelscope", "").lower()}, name
        found += 1
    assert found > 100


def aliases(family: Family) -> list[str]:
    return [alias for spec in family.specs for alias in spec.aliases]


def test_a_source_falls_back_to_the_quantisations_of_its_spec() -> None:
    both = Spec(
        format="mlx",
        quantizations=["4bit", "8bit"],
        src={
            "huggingface": ModelSource(model_id="a/b"),
            "modelscope": ModelSource(model_id="a/b", quantizations=["8bit", "bf16"]),
        },
    )
    assert both.quantizations_of(both.src["huggingface"]) == ["4bit", "8bit"]
    assert [one.quantization for one in variants(Family(name="x", type=ModelType.LLM, specs=[both]))] == [
        "4bit",
        "8bit",
        "bf16",
    ]
