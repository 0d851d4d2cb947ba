# Owns the way from the corpus stream to padded batches of about equal token count.
from __future__ import annotations

from collections.abc import Iterator
from random import Random

import torch
from tokenizers import Tokenizer
from torch import Tensor

from tools.demo_model.corpus import stream
from tools.demo_model.tokenizer import encode

Row = tuple[list[int], list[float]]
ROUND_TO = 16


def batches(tokenizer: Tokenizer, seed: int, part: int, samples: int, tokens: int, progress: float) -> list[list[Row]]:
    """One part of the corpus as shuffled batches; rows of a batch have similar lengths, so little is padding."""
    rows = encode(tokenizer, list(stream(seed, part, samples, progress)), longest=1400)
    rows.sort(key=lambda row: len(row[0]))
    groups = list(_grouped(rows, tokens))
    Random(f"batches:{seed}:{part}").shuffle(groups)
    return groups


def _grouped(rows: list[Row], tokens: int) -> Iterator[list[Row]]:
    group: list[Row] = []
    for row in rows:
        if group and (len(group) + 1) * _padded(row) > tokens:
            yield group
            group = []
        group.append(row)
    if group:
        yield group


def _padded(row: Row) -> int:
    return -(-len(row[0]) // ROUND_TO) * ROUND_TO + 1


def tensors(rows: list[Row]) -> tuple[Tensor, Tensor]:
    """Token ids and loss weights, padded at the right with zeros (weight zero: causal attention never looks there)."""
    length = max(_padded(row) for row in rows)
    tokens = torch.zeros(len(rows), length, dtype=torch.long)
    weights = torch.zeros(len(rows), length)
    for index, (ids, marks) in enumerate(rows):
        tokens[index, : len(ids)] = torch.tensor(ids)
        weights[index, : len(marks)] = torch.tensor(marks)
    return tokens, weights
