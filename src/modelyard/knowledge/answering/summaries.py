"""Summaries by a chat model: of each group of chunks, then of the summaries, until a single one is left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from modelyard.core.errors import InvalidParameter, UpstreamFailed
from modelyard.db.tables import KnowledgeChunk
from modelyard.knowledge.types import Models, texts_of

MOST_TOKENS = 1300.0
"""Maximum tokens that are summarised in one request, as `estimate_tokens` counts them."""
TASK = "用文本自己的语言概括它的要点，不要添加文本中没有的内容。"
MAP = "根据文本执行任务。以下任务信息{task}文本内容如下: \r\n{text}"
REDUCE = "Combine these summaries: {text}"
GAP = "\n\n"


@dataclass(frozen=True, slots=True)
class Summary:
    """The summary of a text."""

    text: str
    steps: Sequence[str]
    """Summaries of the groups of chunks that it was made from."""


async def summarise(
    models: Models, model: str, chunks: Sequence[KnowledgeChunk], options: Mapping[str, Any]
) -> Summary:
    """Summarise consecutive chunks. Raises `InvalidParameter`, and the errors of the model's server."""

    async def ask(text: str) -> str:
        return await _complete(models, {**options, "model": model, "messages": [{"role": "user", "content": text}]})

    groups = group(without_overlap(chunks))
    if not groups:
        raise InvalidParameter("doc_ids", "there is no text to summarise.")
    steps = [await ask(MAP.format(task=TASK, text=GAP.join(each))) for each in groups]
    texts = list(steps)
    while len(texts) > 1:
        groups = group(texts, least=2)
        texts = [await ask(REDUCE.format(text=GAP.join(each))) if len(each) > 1 else each[0] for each in groups]
    return Summary(texts[0], steps)


async def _complete(models: Models, body: Mapping[str, Any]) -> str:
    """The whole answer of a model. Raises `UpstreamFailed` for an empty one."""
    parts: list[str] = []
    async with aclosing(models.chat(body)) as chunks:
        async for chunk in chunks:
            parts += texts_of(chunk)
    if not (answer := "".join(parts).strip()):
        raise UpstreamFailed(str(body["model"]), "it said nothing")
    return answer


def without_overlap(chunks: Sequence[KnowledgeChunk]) -> list[str]:
    """The texts of chunks, without what a chunk repeats from earlier ones of its document that stand before it."""
    texts: list[str] = []
    document, begun, last = -1, 0, 0
    for each in chunks:
        if each.start is None or each.end is None or each.edited or len(each.text) != each.end - each.start:
            texts.append(each.text)
            continue
        if each.document_id != document or each.start < begun:
            document, last = each.document_id, each.start
        texts.append(each.text[max(0, last - each.start) :])
        begun, last = each.start, max(last, each.end)
    return [text for text in texts if text.strip()]


def group(texts: Sequence[str], least: int = 1) -> list[list[str]]:
    """Group consecutive texts within `MOST_TOKENS`, but at least `least` per group."""
    groups: list[list[str]] = []
    size = 0.0
    for text in texts:
        weight = estimate_tokens(text)
        if groups and (len(groups[-1]) < least or size + weight <= MOST_TOKENS):
            groups[-1].append(text)
            size += weight
        else:
            groups.append([text])
            size = weight
    return groups


def estimate_tokens(text: str) -> float:
    """An estimate of a text's tokens: one per Chinese, Japanese or Korean character, one per three other characters."""
    wide = sum(char > "\u2e7f" for char in text)
    return wide + (len(text) - wide) / 3
