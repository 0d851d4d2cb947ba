"""The prompts: random words of a given length, the rows of a file, or built-in questions. Pure except for the file."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec

from modelyard.cli.benchmark.texts import QUESTIONS, WORDS
from modelyard.core.errors import BadRequest
from modelyard.core.wording import reason


class EndpointKind(StrEnum):
    """The type of the measured endpoint."""

    CHAT = "chat"
    COMPLETIONS = "completions"
    EMBEDDINGS = "embeddings"


PATHS: Mapping[EndpointKind, str] = {
    EndpointKind.CHAT: "/v1/chat/completions",
    EndpointKind.COMPLETIONS: "/v1/completions",
    EndpointKind.EMBEDDINGS: "/v1/embeddings",
}


@dataclass(frozen=True, slots=True)
class BenchPrompt:
    """One prompt: a text, or messages; and the maximum length of its answer."""

    text: str | None
    output_len: int
    messages: Sequence[Any] | None = None


@dataclass(frozen=True, slots=True)
class RandomLengths:
    """Lengths of random prompts in tokens. Each is drawn from within `ratio` of the given value, as in vLLM."""

    input_len: int = 1024
    output_len: int = 128
    ratio: float = 0.0


def random_prompts(count: int, lengths: RandomLengths, seed: int) -> list[BenchPrompt]:
    """Prompts of words that are one token each in most tokenizers; the server's own count is reported."""
    chance = random.Random(seed)

    def length(of: int) -> int:
        return max(1, chance.randint(int(of * (1 - lengths.ratio)), round(of * (1 + lengths.ratio))))

    prompts = []
    for _ in range(count):
        text = " ".join(chance.choices(WORDS, k=length(lengths.input_len)))
        prompts.append(BenchPrompt(text, length(lengths.output_len)))
    return prompts


def builtin_prompts(count: int, output_len: int, seed: int) -> list[BenchPrompt]:
    """Built-in questions in English and Chinese, in an order that depends on the seed; repeated if there are too few."""
    questions = random.Random(seed).sample(QUESTIONS, len(QUESTIONS))
    return [BenchPrompt(text, output_len) for text in itertools.islice(itertools.cycle(questions), count)]


def file_prompts(path: Path, count: int, output_len: int) -> list[BenchPrompt]:
    """The rows of a JSON Lines file in their order; repeated if there are too few. Raises `BadRequest`."""
    rows = list(_rows(path, output_len))
    if not rows:
        raise BadRequest(f"{path} holds no rows.")
    return list(itertools.islice(itertools.cycle(rows), count))


def _rows(path: Path, output_len: int) -> Iterator[BenchPrompt]:
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise BadRequest(f"{path} cannot be read: {reason(error)}.") from None
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                yield _row(msgspec.json.decode(line), output_len)
            except (msgspec.DecodeError, ValueError) as error:
                raise BadRequest(f"{path}, line {number}: {error}") from None


def _row(row: object, output_len: int) -> BenchPrompt:
    if isinstance(row, str):
        return BenchPrompt(row, output_len)
    if not isinstance(row, dict):
        raise ValueError("a row is an object with 'prompt' or 'messages', or a text.")
    length = row.get("output_tokens", output_len)
    if not isinstance(length, int) or length < 1:
        raise ValueError("'output_tokens' must be a positive number.")
    messages, prompt = row.get("messages"), row.get("prompt")
    if isinstance(messages, list) and messages:
        return BenchPrompt(None, length, messages)
    if isinstance(prompt, str) and prompt:
        return BenchPrompt(prompt, length)
    raise ValueError("a row needs 'prompt', a text, or 'messages', a list.")


def bodies(
    kind: EndpointKind, model: str, prompts: Sequence[BenchPrompt], ignore_eos: bool, extra: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """The JSON body of each request. A key of `extra` overrides ours, and null removes it. Raises `BadRequest`."""
    for number, prompt in enumerate(prompts, 1):
        body: dict[str, Any] = {"model": model}
        if kind is EndpointKind.CHAT:
            body["messages"] = prompt.messages or [{"role": "user", "content": prompt.text}]
        elif prompt.text is None:
            raise BadRequest(f"Prompt {number} has 'messages', which {PATHS[kind]} does not accept; it needs 'prompt'.")
        elif kind is EndpointKind.COMPLETIONS:
            body["prompt"] = prompt.text
        else:
            body["input"] = prompt.text
        if kind is not EndpointKind.EMBEDDINGS:
            body |= {"max_tokens": prompt.output_len, "stream": True, "stream_options": {"include_usage": True}}
            if ignore_eos:
                body["ignore_eos"] = True
        body |= extra
        yield {key: value for key, value in body.items() if value is not None}
