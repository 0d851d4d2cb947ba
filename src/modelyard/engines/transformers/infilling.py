"""Filling gaps: the tokens by which models of code are told what stands before a gap and what after it. Pure."""

from __future__ import annotations

from collections.abc import Mapping

SPELLINGS = (
    ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"),  # Qwen coder, CodeGemma
    ("<fim_prefix>", "<fim_suffix>", "<fim_middle>"),  # StarCoder
    ("<fim-prefix>", "<fim-suffix>", "<fim-middle>"),  # SantaCoder
    ("<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"),  # DeepSeek: its bars are full-width
    ("▁<PRE>", "▁<SUF>", "▁<MID>"),  # CodeLlama
)
"""Tokens before what precedes the gap, before what follows it, and before what fills it; in this order."""

ENDING = "▁<EOT>"
"""With which CodeLlama says that the gap is filled; the others say it with their end of text."""


def find_infilling(vocabulary: Mapping[str, int]) -> tuple[int, int, int] | None:
    """The three tokens of a vocabulary, if it has them."""
    for before, after, fill in SPELLINGS:
        if before in vocabulary and after in vocabulary and fill in vocabulary:
            return vocabulary[before], vocabulary[after], vocabulary[fill]
    return None
