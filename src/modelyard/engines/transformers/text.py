"""The text side of a language model by its files: tokenizer, chat template, end tokens, recommended sampling parameters."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import transformers

from modelyard.core.errors import InvalidParameter
from modelyard.engines.generation import Backend, Grammar
from modelyard.engines.served import ReplicaConfig
from modelyard.engines.transformers.grammar import Grammars
from modelyard.engines.transformers.infilling import InfillForms
from modelyard.engines.transformers.options import TransformersOptions, template_text
from modelyard.engines.transformers.parts import Shapes
from modelyard.engines.transformers.vision import Sight

DEFAULTS = ("temperature", "top_p", "top_k", "min_p", "repetition_penalty")


class TransformersLanguage:
    """`Language` with a transformers tokenizer."""

    def __init__(
        self, config: ReplicaConfig, options: TransformersOptions, backend: Backend, sight: Sight | None, blind: str
    ) -> None:
        self.backend = backend
        self.context = config.context_length
        self._tokenizer = transformers.AutoTokenizer.from_pretrained(
            config.path, trust_remote_code=options.trust_remote_code, local_files_only=True
        )
        if template := options.chat_template or config.chat_template:
            self._tokenizer.chat_template = template_text(template)
        elif not self._tokenizer.chat_template:
            self._tokenizer.chat_template = _json(Path(config.path) / "chat_template.json").get("chat_template")
        self.thinking = options.enable_thinking
        generation = _generation_config(Path(config.path))
        self.ends = self._ends(generation, config.stop_token_ids)
        self.defaults = _defaults(generation)
        self.vocabulary = len(self._tokenizer)
        self.template = str(self._tokenizer.chat_template or "")
        self.thinks = "</think>" in self.template
        self._holes = InfillForms(self._tokenizer)
        self.fill_ends = self._holes.ends
        self.grammars = Grammars(self._tokenizer, self.ends)
        self.blind = blind
        self._sight = sight
        self._shapes = Shapes(self._render, sight.placeholder if sight else "")

    def problem(self, grammar: Grammar) -> str:
        return self.grammars.problem(grammar)

    def encode(self, text: str, special: bool) -> list[int]:
        tokens: list[int] = self._tokenizer.encode(text, add_special_tokens=special)
        return tokens

    def decode(self, tokens: Sequence[int], skip_special: bool = True) -> str:
        if self._tokenizer.is_fast:  # call its core directly: 1 µs instead of 8, twice per token
            core: str = self._tokenizer.backend_tokenizer.decode(list(tokens), skip_special_tokens=skip_special)
            return core
        text: str = self._tokenizer.decode(
            list(tokens), skip_special_tokens=skip_special, clean_up_tokenization_spaces=False
        )
        return text

    def render(self, messages: list[dict[str, Any]], **variables: Any) -> str:
        if not self._tokenizer.chat_template:
            raise InvalidParameter("messages", "this model has no chat template; give one as chat_template at launch.")
        return self._render([self._shapes.fit(message) for message in messages], **variables)

    def fill(self, prefix: str | list[int], suffix: str) -> list[int]:
        return self._holes.fill(prefix, suffix)

    def look(self, text: str, pictures: tuple[bytes, ...]) -> list[int]:
        if self._sight is None:
            raise InvalidParameter("messages", f"{self.blind}.")
        return self._sight.tokens(text, pictures)

    def _render(self, messages: list[dict[str, Any]], **variables: Any) -> str:
        if self.thinking is not None:
            variables = {"enable_thinking": self.thinking, "thinking": self.thinking, **variables}
        try:
            text: str = self._tokenizer.apply_chat_template(
                messages, tokenize=False, **{"add_generation_prompt": True, **variables}
            )
        except (jinja2.TemplateError, TypeError, ValueError, KeyError, AttributeError) as error:
            raise InvalidParameter("messages", f"the model's chat template refuses them: {error}") from error
        return text

    def _ends(self, generation: Mapping[str, Any], added: Sequence[int]) -> frozenset[int]:
        """End tokens of the tokenizer, of generation_config.json, and of the family."""
        found = generation.get("eos_token_id")
        ids = {*added, *(found if isinstance(found, list) else [found]), self._tokenizer.eos_token_id}
        return frozenset(token for token in ids if isinstance(token, int))


def _generation_config(folder: Path) -> Mapping[str, Any]:
    return _json(folder / "generation_config.json")


def _json(file: Path) -> Mapping[str, Any]:
    """The object in a JSON file; empty if the file does not exist."""
    found = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return found if isinstance(found, dict) else {}


def _defaults(generation: Mapping[str, Any]) -> dict[str, float]:
    """Recommended sampling parameters. With `do_sample: false`, temperature 0 unless the request says otherwise."""
    found = {name: float(generation[name]) for name in DEFAULTS if isinstance(generation.get(name), int | float)}
    return {"temperature": 0.0, **found} if generation.get("do_sample") is False else found
