"""The name that was probably meant, and names that are spelled similarly."""

from __future__ import annotations

import pytest

from modelyard.core.nearest import MOST_COMPARED, nearest, similar

NAMES = ("llama_cpp", "transformers", "vllm", "CHATML", "q8")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        *(("lama_cpp", "llama_cpp"), ("TRANSFORMER", "transformers"), ("chatmll", "CHATML")),
        *(("cpp", "llama_cpp"), ("my-vllm-engine", "vllm"), ("q8_0", "q8")),
        *(("", None), ("l", None), ("cp", None), ("an-engine-with-q8-in-it", None), ("sglang", None)),
    ],
)
def test_the_nearest_is_spelled_alike_or_contains_the_name_or_is_part_of_it(name: str, meant: str | None) -> None:
    assert nearest(name, NAMES) == meant


def test_a_similar_name_is_preferred_to_one_that_contains_the_name() -> None:
    assert nearest("chat", ["chat-with-tools-and-sources", "chats"]) == "chats"


def test_similar_names_begin_with_the_most_similar_and_keep_their_case() -> None:
    assert similar("qwen3-8b", ["Qwen3-80B", "Qwen3-8B", "Qwen2-8B", "QWEN3-8B-Base", "other"]) == [
        *("Qwen3-8B", "Qwen3-80B", "Qwen2-8B"),
    ]
    assert similar("qwen3", ["Qwen3", "qwen3"], most=1) == ["Qwen3"]


def test_the_work_is_bounded() -> None:
    assert nearest("wanted", [*("x" for _ in range(MOST_COMPARED)), "wanted"]) is None
    assert nearest("wanted" * 1_000_000, ["wanted"]) == "wanted"
