"""The results of `modelyard kb evaluate`: each setting's measures side by side, and the differences from the first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any

import click

from modelyard.cli.output import note, print_table
from modelyard.knowledge.search.evaluation import differences, means
from modelyard.knowledge.search.judgments import JudgedQuestion

if TYPE_CHECKING:
    from modelyard.client.knowledge_types import AnswerDict, HitDict

LETTERS = "ABCDEFGHIJ"
AT_K = ("recall", "hit_rate", "mrr", "ndcg")
"""Measures over the first k hits."""


@dataclass(frozen=True, slots=True)
class SearchSetting:
    """A search setting to measure."""

    base: str
    mode: str = "hybrid"
    top_k: int = 5
    rerank: bool | None = None
    """None means: if the base has a rerank model."""
    rerank_model: str | None = None
    min_score: float = 0.0
    model: str | None = None
    """The chat model that answers."""

    def view(self) -> dict[str, Any]:
        """The setting as JSON."""
        return asdict(self)

    def label(self) -> str:
        """The setting as text for people."""
        parts = [self.base, self.mode, f"top {self.top_k}"]
        if self.rerank is not None:
            parts.append(f"ranked by {self.rerank_model or 'its model'}" if self.rerank else "not ranked by a model")
        elif self.rerank_model:
            parts.append(f"ranked by {self.rerank_model}")
        parts += [f"scores from {self.min_score:g}"] if self.min_score else []
        parts += [f"answered by {self.model}"] if self.model else []
        return ", ".join(parts)


@dataclass(slots=True)
class QuestionResult:
    """The hits and the answer of one question with one setting."""

    hits: Sequence[HitDict] = ()
    measures: dict[str, float] = field(default_factory=dict)
    answer: AnswerDict | None = None
    seconds: float = 0.0
    """Seconds that the search took, measured in this process."""
    error: str = ""


def summary(
    questions: Sequence[JudgedQuestion],
    settings: Sequence[SearchSetting],
    done: Sequence[Sequence[QuestionResult]],
    complete: bool,
) -> dict[str, Any]:
    """All results as JSON. Questions that failed with any setting are left out, so that all settings have equal questions."""
    pairs = [(question, row) for question, row in zip(questions, done, strict=False) if not any(r.error for r in row)]
    columns = [[row[number].measures for _, row in pairs] for number in range(len(settings))]
    views = []
    for number, setting in enumerate(settings):
        seconds = median([row[number].seconds for _, row in pairs]) if pairs else 0.0
        figures = {"measures": means(columns[number]), "search_seconds": seconds}
        views.append({"name": LETTERS[number], **setting.view(), "label": setting.label(), **figures})
    compared = [
        {
            "setting": LETTERS[number],
            "against": LETTERS[0],
            "measures": {name: asdict(each) for name, each in differences(columns[0], columns[number]).items()},
        }
        for number in range(1, len(settings))
    ]
    negatives = sum(not question.relevant for question, _ in pairs)
    counts = {"asked": len(pairs), "answerable": len(pairs) - negatives, "negative": negatives}
    return {
        "questions": {**counts, "failed": len(done) - len(pairs), "of": len(questions)},
        "complete": complete,
        "settings": views,
        "comparisons": compared,
    }


def report(data: Mapping[str, Any]) -> None:
    """Print all results as tables."""
    counts, settings = data["questions"], data["settings"]
    click.echo(f"{counts['asked']} questions, {counts['negative']} of them without an answer in the documents")
    for each in settings:
        click.echo(f"{each['name']}: {each['label']}" if len(settings) > 1 else each["label"])
    click.echo("")
    titles = ["MEASURE", *(each["name"] if len(settings) > 1 else "VALUE" for each in settings)]
    for each in data["comparisons"]:
        titles += [f"{each['setting']} - {each['against']}", "95 %", "P"]
    print_table(titles, [_row(data, name) for name in _names(settings)])
    if data["comparisons"]:
        note("95 %: bootstrap over questions. P: paired randomization test, for each measure alone.", dim=True)


def _names(settings: Sequence[Mapping[str, Any]]) -> list[str]:
    return [*dict.fromkeys(name for each in settings for name in each["measures"]), "search_seconds"]


def _row(data: Mapping[str, Any], name: str) -> list[str]:
    settings = data["settings"]
    if name == "search_seconds":
        cells = ["search, median ms", *(f"{each[name] * 1000:.1f}" for each in settings)]
        return cells + ["", "", ""] * len(data["comparisons"])
    depths = {each["top_k"] for each in settings}
    at = f"@{depths.pop() if len(depths) == 1 else 'k'}" if name in AT_K else ""
    cells = [name.replace("_", " ") + at]
    cells += [f"{each['measures'][name]:.3f}" if name in each["measures"] else "-" for each in settings]
    for each in data["comparisons"]:
        difference = each["measures"].get(name)
        if difference is None:
            cells += ["-", "-", "-"]
        else:
            cells += [
                f"{difference['mean']:+.3f}",
                f"{difference['low']:+.3f} to {difference['high']:+.3f}",
                "<0.001" if difference["p"] < 0.001 else f"{difference['p']:.3f}",
            ]
    return cells
