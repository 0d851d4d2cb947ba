"""Sampling: the next token of many answers at once. Each row has its own parameters and its own random generator."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from modelyard.engines.generation import SampledToken, SamplingParams
from modelyard.engines.transformers.grammar import Matcher, rule_out

SHORTLIST = 1024
"""Number of the likeliest tokens that usually include those of `top_p`; otherwise the whole vocabulary is sorted."""


@dataclass(slots=True)
class SamplingRow:
    """One answer: its sampling parameters, its tokens so far, and its random generator."""

    params: SamplingParams
    prompt: Sequence[int]
    matcher: Matcher | None = None
    """The grammar that its tokens must follow."""
    written: list[int] = field(default_factory=list)
    chance: random.Random = field(default_factory=random.Random)

    def __post_init__(self) -> None:
        if self.params.seed is not None:
            self.chance.seed(self.params.seed)


def choose(logits: Tensor, rows: Sequence[SamplingRow | None]) -> list[SampledToken | None]:
    """Choose the next token of each row, from logits `[row, vocabulary]`; None for rows without an answer."""
    logits = logits.float()
    raw = logits
    matchers = {index: row.matcher for index, row in enumerate(rows) if row is not None and row.matcher is not None}
    if matchers:
        logits = logits.clone()
        rule_out(logits, matchers)
    shaped = [index for index, row in enumerate(rows) if row is not None and _is_shaped(row.params)]
    if shaped:
        logits = logits.clone()
        for index in shaped:
            _shape(logits[index], rows[index])
    tokens: list[int] = logits.argmax(dim=-1).tolist()
    drawing = [index for index, row in enumerate(rows) if row is not None and row.params.temperature > 0]
    if drawing:
        drawn = draw(logits[drawing], [rows[index] for index in drawing])  # type: ignore[misc]
        for index, token in zip(drawing, drawn, strict=True):
            tokens[index] = token
    return [_drawn(raw[index], row, tokens[index]) for index, row in enumerate(rows)]


def thought(logits: Tensor, tokens: Sequence[int], count: int) -> list[SampledToken]:
    """Log probabilities of the given tokens, from logits `[token, vocabulary]`, with the `count` likeliest ones."""
    logprobs = logits.float().log_softmax(dim=-1)
    found = logprobs.gather(1, torch.tensor(tokens, device=logits.device).unsqueeze(1)).squeeze(1).tolist()
    values, ids = (each.tolist() for each in logprobs.topk(min(count, logprobs.shape[-1]), dim=-1))
    top = [tuple(zip(*each, strict=True)) for each in zip(ids, values, strict=True)]
    return [SampledToken(*each) for each in zip(tokens, found, top, strict=True)]


def _drawn(raw: Tensor, row: SamplingRow | None, token: int) -> SampledToken | None:
    """A token, with the model's own log probability if it is requested."""
    if row is None:
        return None
    row.written.append(token)
    drawn = SampledToken(token)
    if row.params.logprobs is not None:
        logprobs = raw.log_softmax(dim=-1)
        values, ids = logprobs.topk(min(row.params.logprobs, len(logprobs)))
        drawn = SampledToken(token, logprobs[token].item(), tuple(zip(ids.tolist(), values.tolist(), strict=True)))
    return (
        drawn if row.matcher is None else replace(drawn, complete=row.matcher.take(token), problem=row.matcher.problem)
    )


def _is_shaped(params: SamplingParams) -> bool:
    return bool(params.repetition != 1 or params.presence or params.frequency or params.bias or params.least)


def _shape(logits: Tensor, row: SamplingRow | None) -> None:
    """Apply the penalties and biases of one row, in place."""
    assert row is not None
    params = row.params
    if params.repetition != 1:
        seen = torch.tensor(sorted({*row.prompt, *row.written}), device=logits.device, dtype=torch.long)
        values = logits[seen]
        logits[seen] = torch.where(values > 0, values / params.repetition, values * params.repetition)
    if row.written and (params.presence or params.frequency):
        written = torch.tensor(row.written, device=logits.device)
        seen, counts = written.unique(return_counts=True)
        logits[seen] -= params.presence + params.frequency * counts
    if params.bias:
        ids = torch.tensor(list(params.bias), device=logits.device)
        logits[ids] += torch.tensor(list(params.bias.values()), device=logits.device)
    if len(row.written) < params.least and row.matcher is None:
        logits[torch.tensor(sorted(params.ends), device=logits.device, dtype=torch.long)] = -torch.inf


def draw(logits: Tensor, rows: Sequence[SamplingRow]) -> list[int]:
    """Sample one token per row, by inverse transform sampling with the row's random number."""
    every = [row.params for row in rows]
    device = logits.device

    def column(values: list[float]) -> Tensor:
        return torch.tensor(values, device=device).unsqueeze(1)

    logits = logits / column([params.temperature for params in every])
    if any(params.top_k for params in every):
        logits = keep_top_k(logits, [params.top_k for params in every])
    probabilities = logits.softmax(dim=-1)
    if any(params.min_p for params in every):
        floor = probabilities.amax(dim=-1, keepdim=True) * column([params.min_p for params in every])
        probabilities = probabilities.masked_fill(probabilities < floor, 0)
    if any(params.top_p < 1 for params in every):
        probabilities = keep_top_p(probabilities, column([params.top_p for params in every]))
    line = probabilities.double().cumsum(dim=-1)
    points = torch.tensor([row.chance.random() for row in rows], device=device, dtype=line.dtype).unsqueeze(1)
    chosen = torch.searchsorted(line, points * line[:, -1:], right=True)
    last = probabilities.shape[-1] - 1
    return [min(token, last) for token in chosen.squeeze(1).tolist()]


def keep_top_k(logits: Tensor, counts: Sequence[int]) -> Tensor:
    """Exclude all but the `counts` likeliest tokens of each row; 0 keeps all."""
    size = logits.shape[-1]
    most = min(max(counts), size)
    best = logits.topk(most, dim=-1).values
    last = torch.tensor([min(count or most, most) - 1 for count in counts], device=logits.device).unsqueeze(1)
    floor = best.gather(1, last)
    floor[torch.tensor([not count for count in counts], device=logits.device)] = -torch.inf
    return logits.masked_fill(logits < floor, -torch.inf)


def keep_top_p(probabilities: Tensor, parts: Tensor) -> Tensor:
    """Exclude all but the likeliest tokens whose probabilities sum up to `parts`, of each row."""
    target = parts * probabilities.sum(dim=-1, keepdim=True)
    best = probabilities.topk(min(SHORTLIST, probabilities.shape[-1]), dim=-1).values
    if bool((best.sum(dim=-1, keepdim=True) < target).any()):
        best = probabilities.sort(dim=-1, descending=True).values
    before = best.cumsum(dim=-1) - best
    kept = (before < target).sum(dim=-1, keepdim=True).clamp(min=1)
    floor = best.gather(1, kept - 1)
    return probabilities.masked_fill((probabilities < floor) & (parts < 1), 0)
