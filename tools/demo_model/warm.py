# Owns the warm start: a checkpoint carried over to another tokenizer, token by token.
from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor


def carried_over(checkpoint: Path, old: Tokenizer, new: Tokenizer) -> dict[str, Tensor]:
    """The checkpoint's weights with the embedding rows of `new`: a shared token keeps its row, a new one gets the mean
    of the rows that `old` would write it with."""
    weights: dict[str, Tensor] = torch.load(checkpoint, map_location="cpu", weights_only=True)["model"]
    rows = weights["embed_tokens.weight"]
    known = old.get_vocab()
    carried = torch.empty(new.get_vocab_size(), rows.shape[1])
    for token, index in new.get_vocab().items():
        if token in known:
            carried[index] = rows[known[token]]
        else:
            pieces = old.encode(new.decode([index]), add_special_tokens=False).ids
            carried[index] = rows[pieces].mean(0)
    return {**weights, "embed_tokens.weight": carried}
