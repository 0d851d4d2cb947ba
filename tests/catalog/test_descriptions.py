"""The line about each family: every family has one of its own, and each is true of its facts."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest

from modelyard.catalog.descriptions import one_line
from modelyard.catalog.family import Family, ModelSource, Spec
from modelyard.catalog.index import FAMILIES
from modelyard.catalog.record import record
from modelyard.core.types import ModelType

LONGEST = 200
RELATED = {
    ("deepseek-r1-distill-llama", "deepseek"),
    ("deepseek-r1-distill-qwen", "deepseek"),
    ("deepseek-r1-distill-qwen", "qwen2.5"),
}
"""Families whose line names another family: what they were distilled from and into."""


@pytest.mark.parametrize("type", ModelType)
def test_every_family_has_a_line_of_its_own(type: ModelType) -> None:
    lines = {family.name: record(family, built_in=True)["model_description"] for family in FAMILIES.families(type)}
    assert len(set(lines.values())) == len(lines)
    for name, line in lines.items():
        assert line.startswith(f"{name}: ") and line.endswith(".") and len(line) <= LONGEST and "\n" not in line, line
        assert not re.search(r"  |, ,|,\.|None|: [,.]", line), line


@pytest.mark.parametrize("type", ModelType)
def test_no_line_names_another_family(type: ModelType) -> None:
    names = {name.lower(): name for name in FAMILIES.names()}
    for family in FAMILIES.families(type):
        said = one_line(family).removeprefix(family.name)
        said = re.sub(r"\w+ architecture", "", said)
        words = {word.strip(".,:()").lower() for word in said.split()}
        assert {(family.name, names[word]) for word in words & set(names)} <= RELATED


@pytest.mark.parametrize("type", ModelType)
def test_context_and_abilities_are_in_every_record(type: ModelType) -> None:
    for family in FAMILIES.families(type):
        shown = record(family, built_in=True)
        assert shown["model_ability"] and shown["context_length"] == (family.context_length or None)
        if type in (ModelType.EMBEDDING, ModelType.RERANK):
            assert shown["context_length"] == shown["max_tokens"] > 0
            assert shown["model_ability"][0] == ("embed" if type is ModelType.EMBEDDING else "rerank")


def family(type: ModelType = ModelType.LLM, *sizes: int | float | str, **more: Any) -> Family:
    specs = [
        Spec(format="pytorch", src={"huggingface": ModelSource(model_id="a/b")}, size_in_billions=size)
        for size in sizes
    ]
    return msgspec.structs.replace(Family(name="x", type=type, specs=specs or [Spec(format="pytorch", src={})]), **more)


@pytest.mark.parametrize(
    ("made", "line"),
    [
        (family(ModelType.LLM, 7, abilities=["generate"]), "x: text completion, 7B."),
        (
            family(ModelType.LLM, "0_5", 7, 72, "1_8", abilities=["chat", "tools"], languages=["zh", "en"], context_length=32768),
            "x: chat and tool calls in English and Chinese, 0.5B to 72B, 32K context.",
        ),
        (
            family(ModelType.LLM, 1600, abilities=["chat", "reasoning", "hybrid", "vision"], purpose="medicine"),
            "x: chat about text and pictures for medicine and thinking on request, 1.6T.",
        ),
        (
            family(abilities=["chat", "reasoning"], languages=["a", "b", "c", "d", "e"], context_length=8194),
            "x: chat and thinking before the answer in 5 languages, 8,194-token context.",
        ),
        (
            family(abilities=["chat"], context_length=1_010_000, architectures=["Qwen2ForCausalLM"]),
            "x: chat, 1.01M context, Qwen2 architecture.",
        ),
        (
            family(ModelType.EMBEDDING, abilities=["embed_vision"], languages=["multilingual"], dimensions=1024),
            "x: embeddings of texts and pictures in many languages, 1,024 dimensions.",
        ),
        (
            family(ModelType.RERANK, languages=["en", "zh", "multilingual"], rerank_kind="LLM-based", context_length=512),
            "x: ranks passages by how well they answer a question in English, Chinese and many other languages, "
            "with a language model, up to 512 tokens.",
        ),
        (family(ModelType.IMAGE, abilities=["ocr"]), "x: reads the text of pictures (OCR)."),
        (
            family(ModelType.AUDIO, abilities=["text2audio", "text2audio_voice_cloning"], multilingual=True),
            "x: reads text aloud in several languages, copies a voice from a sample.",
        ),
        (family(ModelType.VIDEO, abilities=["image2video"]), "x: makes videos from a picture."),
        (family(description="Mine."), "Mine."),
        (family(sent={"model_name": "x"}), ""),
    ],
)  # fmt: skip
def test_the_line_is_made_of_the_facts(made: Family, line: str) -> None:
    assert one_line(made) == line


def test_a_mixture_of_experts_says_what_is_active() -> None:
    spec = Spec(format="pytorch", src={}, size_in_billions=671, activated_size_in_billions=37)
    assert "671B of which 37B are active" in one_line(family(specs=[spec]))
    dense = Spec(format="pytorch", src={}, size_in_billions=7, activated_size_in_billions=7)
    assert one_line(family(specs=[dense])) == "x: text completion, 7B."
