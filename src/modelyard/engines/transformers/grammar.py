"""Answers that follow a grammar: llguidance determines the tokens that may come next, and others are excluded."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import Tensor

from modelyard.engines.generation import Grammar

KEPT = 64
"""Maximum number of compiled grammars that are cached."""

BLANKS = {"whitespace_pattern": r"(\x20|\r?\n[\x20\t]{0,20})?"}
"""Limits blank space between the parts of a JSON document, because small models might generate nothing else."""

THOUGHTS = {
    "open": "start: thoughts BLANK @answer",
    "possible": 'start: ("<think>" thoughts BLANK)? @answer',
}
"""The start rule of a grammar for an answer that thoughts may precede."""
THOUGHT = '\nthoughts[suffix="</think>"]: /(.|\\n)*/\nBLANK: /[ \\n]*/\n'

Part = dict[str, Any]


class Grammars:
    """The grammars of one model, compiled on first use. Thread-safe."""

    def __init__(self, tokenizer: Any, ends: Collection[int]) -> None:
        """`tokenizer` is that of transformers; it is converted on first use of a grammar."""
        self._source = tokenizer
        self._ends = sorted(ends)
        self._tokenizer: Any = None
        self._lock = threading.Lock()
        self._compiled: OrderedDict[Grammar, Any] = OrderedDict()

    def problem(self, grammar: Grammar) -> str:
        """Why answers cannot follow a grammar; empty if they can."""
        if not self._source.is_fast:
            return "this model's tokenizer is a slow one, whose answers cannot be constrained."
        try:
            found = self._matcher(grammar)
        except ValueError as error:
            return str(error)
        return str(found.get_error()).strip()

    def matcher(self, grammar: Grammar) -> Matcher:
        """A matcher for one answer, at its beginning."""
        problem = self.problem(grammar)
        return Matcher(None, problem) if problem else Matcher(self._matcher(grammar).deep_copy())

    def _matcher(self, grammar: Grammar) -> Any:
        from llguidance import LLMatcher

        with self._lock:
            if self._tokenizer is None:
                self._tokenizer = self._made()
            if found := self._compiled.get(grammar):
                self._compiled.move_to_end(grammar)
                return found
        made = LLMatcher(self._tokenizer, source(grammar), log_level=0)
        with self._lock:
            self._compiled[grammar] = made
            while len(self._compiled) > KEPT:
                self._compiled.popitem(last=False)
        return made

    def _made(self) -> Any:
        """llguidance's form of the vocabulary: takes about 30 ms for 6,000 tokens, a second for 150,000."""
        from llguidance.hf import from_tokenizer

        return from_tokenizer(self._source, n_vocab=len(self._source), eos_token=self._ends or None)


class Matcher:
    """The position of one answer in its grammar."""

    def __init__(self, matcher: Any, problem: str = "") -> None:
        self.problem: str | None = problem or None
        self._matcher = matcher

    def mask(self) -> bytes | None:
        """A bit for each token that may come next; None if that cannot be determined."""
        if self.problem is not None:
            return None
        try:
            found: bytes = self._matcher.compute_bitmask()
        except (ValueError, RuntimeError) as error:
            self.problem = f"the grammar: {error}"
            return None
        self._look()
        return found

    def take(self, token: int) -> bool:
        """Advance by a token; returns whether nothing may come after it."""
        if self.problem is not None:
            return False
        self._matcher.consume_token(token)
        self._look()
        return self.problem is None and bool(self._matcher.is_stopped())

    def _look(self) -> None:
        if self._matcher.is_error():
            self.problem = f"the grammar: {self._matcher.get_error()}"


def rule_out(logits: Tensor, matchers: Mapping[int, Matcher]) -> None:
    """Exclude, in place, the tokens that the matcher of a row does not allow."""
    masks = {row: mask for row, matcher in matchers.items() if (mask := matcher.mask()) is not None}
    if not masks:
        return
    packed = torch.frombuffer(bytearray(b"".join(masks.values())), dtype=torch.uint8).to(logits.device)
    bits = torch.arange(8, device=logits.device, dtype=torch.uint8)
    allowed = ((packed.unsqueeze(1) >> bits) & 1).bool().view(len(masks), -1)[:, : logits.shape[1]]
    for row, one in zip(masks, allowed, strict=True):
        logits[row, : len(one)].masked_fill_(~one, -torch.inf)
        logits[row, len(one) :] = -torch.inf


def source(grammar: Grammar) -> str:
    """A grammar in llguidance's notation. Raises `ValueError` for one that cannot be parsed."""
    answer = _part(grammar)
    parts = [answer]
    if grammar.instead is not None:
        parts = [{"lark_grammar": "start: @one | @other"}, {**answer, "name": "one"}]
        parts.append({**_part(grammar.instead), "name": "other"})
    if grammar.thoughts != "none":
        parts = [{"lark_grammar": THOUGHTS[grammar.thoughts] + THOUGHT}, {**parts[0], "name": "answer"}, *parts[1:]]
    return json.dumps({"grammars": parts})


def _part(grammar: Grammar) -> Part:
    from llguidance import LLMatcher, grammar_from

    if grammar.kind == "lark":
        return {"lark_grammar": grammar.text}
    if grammar.kind == "grammar":
        return {"lark_grammar": grammar_from("grammar", grammar.text)}
    if grammar.kind == "choice":
        return {"lark_grammar": grammar_from("choice", grammar.text)}
    if grammar.kind == "regex":
        made = LLMatcher.grammar_from_regex(grammar.text)
    else:
        made = LLMatcher.grammar_from_json_schema(grammar.text, defaults=BLANKS)
    part: Part = json.loads(made)["grammars"][0]
    return {key: value for key, value in part.items() if value is not None and key != "name"}
