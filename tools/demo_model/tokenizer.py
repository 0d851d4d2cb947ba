# Owns the byte-level BPE tokenizer: its training, its encoding of samples, and the split that llama.cpp calls "qwen2".
from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from tools.demo_model.chat import SPECIAL_TOKENS, Sample, segments
from tools.demo_model.corpus import stream
from tools.demo_model.facts import capital_items, dialogue_items, general_items
from tools.demo_model.names import common_characters

PRE_TOKENIZER_NAME = "qwen2"
VOCAB_SIZE = 6144
REPEATS_PER_CHARACTER = 1500
REPEATS_PER_FACT = 60
HAN = re.compile(r"([\u4e00-\u9fff])")
SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def train(seed: int, samples: int, merge_han: bool = False) -> Tokenizer:
    """No normaliser: llama.cpp has none, and the two must agree on every string.

    Chinese characters stay one token each unless `merge_han`: a name then has the same tokens wherever it stands.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB_SIZE,
        special_tokens=[AddedToken(token, special=True, normalized=False) for token in SPECIAL_TOKENS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        max_token_length=24,
        show_progress=False,
    )
    texts = _texts(seed, samples)
    tokenizer.train_from_iterator(texts if merge_han else _apart(texts), trainer)
    return tokenizer


def _texts(seed: int, samples: int) -> Iterator[str]:
    for sample in stream(seed, part=0, count=samples):
        yield from (segment.text for segment in segments(sample))
    for item in (*capital_items(), *general_items(), *dialogue_items()):
        yield from (*item.asks, item.answer) * REPEATS_PER_FACT
    for character in common_characters():
        yield from (character,) * REPEATS_PER_CHARACTER


def _apart(texts: Iterator[str]) -> Iterator[str]:
    return (piece for text in texts for piece in HAN.split(text) if piece)


def encode(tokenizer: Tokenizer, samples: list[Sample], longest: int) -> list[tuple[list[int], list[float]]]:
    """Token ids and loss weights per sample; samples longer than `longest` tokens are dropped."""
    pieces = [segments(sample) for sample in samples]
    flat = [segment for piece in pieces for segment in piece]
    encodings = iter(tokenizer.encode_batch_fast([segment.text for segment in flat], add_special_tokens=False))
    rows = []
    for piece in pieces:
        ids: list[int] = []
        weights: list[float] = []
        for segment in piece:
            part = next(encodings).ids
            ids += part
            weights += [segment.weight] * len(part)
        if len(ids) <= longest:
            rows.append((ids, weights))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the demo model's tokenizer on the generated corpus.")
    parser.add_argument("--out", type=Path, required=True, help="where to write tokenizer.json")
    parser.add_argument("--samples", type=int, default=60_000, help="corpus samples to read (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=7, help="corpus seed (default: %(default)s)")
    parser.add_argument("--merge-han", action="store_true", help="let Chinese characters merge into longer tokens")
    args = parser.parse_args()
    tokenizer = train(args.seed, args.samples, args.merge_han)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(args.out))
    single = sum(len(tokenizer.encode(character).ids) == 1 for character in common_characters())
    print(f"{args.out}: {tokenizer.get_vocab_size()} tokens, {single} of {len(common_characters())} characters whole")


if __name__ == "__main__":
    main()
