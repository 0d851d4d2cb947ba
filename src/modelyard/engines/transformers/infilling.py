"""Fill-in-the-middle prompts, in the form that each family of code models was trained on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from modelyard.core.errors import InvalidParameter

PARAM = "suffix"


@dataclass(frozen=True, slots=True)
class Form:
    """The tokens of a family's fill-in-the-middle prompts."""

    prefix: str
    """Precedes the text before the gap."""
    suffix: str
    """Precedes the text after the gap."""
    middle: str = ""
    """Precedes the answer; empty if there is no such token."""
    suffix_first: bool = False
    spaced: bool = False
    """Whether the tokenizer puts a blank before each text, which the suffix must not have."""


FORMS = (
    Form("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"),  # Qwen2.5-Coder, CodeGemma, Granite 4
    Form("<fim_prefix>", "<fim_suffix>", "<fim_middle>"),  # StarCoder, StarCoder2, StableCode, Granite Code
    Form("<fim-prefix>", "<fim-suffix>", "<fim-middle>"),  # SantaCoder
    Form("<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"),
    Form("▁<PRE>", "▁<SUF>", "▁<MID>", spaced=True),  # CodeLlama
    Form("<[fim-prefix]>", "<[fim-suffix]>", "<[fim-middle]>", suffix_first=True),  # Seed-Coder
    Form("[PREFIX]", "[SUFFIX]", suffix_first=True, spaced=True),  # Codestral
)
"""The first form whose tokens a model has is used."""

ENDS = (
    *("<|fim_pad|>", "<|repo_name|>", "<|file_sep|>", "<|file_separator|>", "<|endoftext|>", "<|end_of_text|>"),
    *("<fim_pad>", "<repo_name>", "<file_sep>", "<｜end▁of▁sentence｜>", "▁<EOT>", "[MIDDLE]"),
)
"""Tokens of these models with which another file begins."""

MARK = "☺"
"""A text after which the tokenizer puts no blank; its own tokens are removed again."""


class InfillForms:
    """The fill-in-the-middle form that a tokenizer has tokens for."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._vocabulary: dict[str, int] = tokenizer.get_vocab()
        self._form = next((form for form in FORMS if self._has(form)), None)
        marks = _marks(self._form) if self._form else ()
        found = (self._vocabulary.get(text) for text in (*marks, *ENDS)) if self._form else ()
        self.ends = frozenset(token for token in found if token is not None)
        """Tokens that end the answer, in addition to the usual ones."""

    def fill(self, prefix: str | list[int], suffix: str) -> list[int]:
        """The tokens of a prompt. Raises `InvalidParameter` if the model has no form for it."""
        form = self._form
        if form is None:
            raise InvalidParameter(
                PARAM,
                "this model's tokenizer has no tokens for the text before and after a gap, such as <|fim_prefix|> and "
                "<|fim_suffix|>, so the transformers engine completes at the end only.",
            )
        first = self._encode(prefix) if isinstance(prefix, str) else prefix
        last = self._unspaced(suffix) if form.spaced else self._encode(suffix)
        start = self._start()
        if start and first[:1] == start:
            first = first[1:]
        before = [self._vocabulary[form.prefix], *first]
        after = [self._vocabulary[form.suffix], *last]
        middle = [self._vocabulary[form.middle]] if form.middle else []
        return [*start, *(after + before if form.suffix_first else before + after), *middle]

    def _has(self, form: Form) -> bool:
        return all(mark in self._vocabulary for mark in _marks(form))

    def _start(self) -> list[int]:
        """The token that begins a text, if this tokenizer writes one."""
        written: list[int] = self._tokenizer.encode("", add_special_tokens=True)
        return written[:1] if written and written[0] == self._tokenizer.bos_token_id else []

    def _encode(self, text: str) -> list[int]:
        tokens: list[int] = self._tokenizer.encode(text, add_special_tokens=False)
        return tokens

    def _unspaced(self, text: str) -> list[int]:
        mark, marked = self._encode(MARK), self._encode(MARK + text)
        return marked[len(mark) :] if marked[: len(mark)] == mark else self._encode(text)


def _marks(form: Form) -> tuple[str, ...]:
    return tuple(mark for mark in (form.prefix, form.suffix, form.middle) if mark)
