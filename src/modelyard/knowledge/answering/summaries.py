"""Summarising chunks with a chat model: each piece of text by itself, then the summaries together, until one is left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from modelyard.core.errors import InvalidParameter, UpstreamFailed
from modelyard.db.tables import KnowledgeChunk
from modelyard.knowledge.types import Models, texts_of

PIECE = 1300.0
"""Tokens of a text that is summarised at once, by a rule of thumb."""
TASK = "用文本自己的语言概括它的要点，不要添加文本中没有的内容。"
MAP = "根据文本执行任务。以下任务信息{task}文本内容如下: \r\n{text}"
REDUCE = "Combine these summaries: {text}"
GAP = "\n\n"


@dataclass(frozen=True, slots=True)
class Summary:
    """What came of a text, and of its pieces on the way."""

    text: str
    steps: Sequence[str]


async def summarised(
    models: Models, model: str, chunks: Sequence[KnowledgeChunk], options: Mapping[str, Any]
) -> Summary:
    """A summary of chunks that follow one another. Raises `InvalidParameter`, and what the model's server raises."""

    async def ask(text: str) -> str:
        return await _said(models, {**options, "model": model, "messages": [{"role": "user", "content": text}]})

    pieces = grouped(without_overlap(chunks))
    if not pieces:
        raise InvalidParameter("doc_ids", "there is no text to summarise.")
    steps = [await ask(MAP.format(task=TASK, text=GAP.join(each))) for each in pieces]
    texts = list(steps)
    while len(texts) > 1:
        groups = grouped(texts, least=2)
        texts = [await ask(REDUCE.format(text=GAP.join(each))) if len(each) > 1 else each[0] for each in groups]
    return Summary(texts[0], steps)


async def _said(models: Models, body: Mapping[str, Any]) -> str:
    """A model's whole answer. Raises `UpstreamFailed` for an empty one."""
    told: list[str] = []
    async with aclosing(models.chat(body)) as chunks:
        async for chunk in chunks:
            told += texts_of(chunk)
    if not (answer := "".join(told).strip()):
        raise UpstreamFailed(str(body["model"]), "it said nothing")
    return answer


def without_overlap(chunks: Sequence[KnowledgeChunk]) -> list[str]:
    """The texts of chunks, without what a chunk repeats of the one before it."""
    texts: list[str] = []
    last = -1
    for each in chunks:
        if each.start is None or each.end is None or each.edited or len(each.text) != each.end - each.start:
            texts.append(each.text)
            continue
        texts.append(each.text[max(0, last - each.start) :])
        last = max(last, each.end)
    return [text for text in texts if text.strip()]


def grouped(texts: Sequence[str], least: int = 1) -> list[list[str]]:
    """Neighbours together as long as they stay within `PIECE`, but `least` of them in any case."""
    groups: list[list[str]] = []
    size = 0.0
    for text in texts:
        weight = tokens(text)
        if groups and (len(groups[-1]) < least or size + weight <= PIECE):
            groups[-1].append(text)
            size += weight
        else:
            groups.append([text])
            size = weight
    return groups


def tokens(text: str) -> float:
    """About how many tokens a text has: one for each character beyond Latin, one for three others."""
    wide = sum(char > "\u2e7f" for char in text)
    return wide + (len(text) - wide) / 3
