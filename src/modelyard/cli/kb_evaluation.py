"""What `modelyard kb evaluate` shows: each setting's measures side by side, and the differences from the first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

import click

from modelyard.cli.output import note, print_table
from modelyard.knowledge.search.evaluation import differences, means
from modelyard.knowledge.search.judgments import Judged

LETTERS = "ABCDEFGHIJ"
AT_K = ("recall", "hit_rate", "mrr", "ndcg")
"""Measures of the first k hits."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One way of asking."""

    base: str
    mode: str = "hybrid"
    top_k: int = 5
    rerank: bool | None = None
    """None for where the base has a model for it."""
    rerank_model: str | None = None
    min_score: float = 0.0
    model: str | None = None
    """The chat model that answers."""

    def view(self) -> dict[str, Any]:
        """It as JSON."""
        return asdict(self)

    def label(self) -> str:
        """It for people."""
        parts = [self.base, self.mode, f"top {self.top_k}"]
        if self.rerank is not None:
            parts.append(f"ranked by {self.rerank_model or 'its model'}" if self.rerank else "not ranked by a model")
        elif self.rerank_model:
            parts.append(f"ranked by {self.rerank_model}")
        parts += [f"scores from {self.min_score:g}"] if self.min_score else []
        parts += [f"answered by {self.model}"] if self.model else []
        return ", ".join(parts)


@dataclass(slots=True)
class Ran:
    """What a setting made of a question."""

    hits: Sequence[dict[str, Any]] = ()
    measures: dict[str, float] = field(default_factory=dict)
    answer: dict[str, Any] | None = None
    seconds: float = 0.0
    """That the search took, seen from here."""
    error: str = ""


def summary(
    questions: Sequence[Judged], settings: Sequence[Setting], done: Sequence[Sequence[Ran]], over: bool
) -> dict[str, Any]:
    """All as JSON. Questions that failed with any setting are left out, so that all settings have the same ones."""
    asked = [(question, row) for question, row in zip(questions, done, strict=False) if not any(r.error for r in row)]
    columns = [[row[number].measures for _, row in asked] for number in range(len(settings))]
    views = []
    for number, setting in enumerate(settings):
        seconds = median([row[number].seconds for _, row in asked]) if asked else 0.0
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
    negatives = sum(not question.relevant for question, _ in asked)
    counts = {"asked": len(asked), "answerable": len(asked) - negatives, "negative": negatives}
    return {
        "questions": {**counts, "failed": len(done) - len(asked), "of": len(questions)},
        "complete": over,
        "settings": views,
        "comparisons": compared,
    }


def report(made: Mapping[str, Any]) -> None:
    """All for people."""
    counts, settings = made["questions"], made["settings"]
    click.echo(f"{counts['asked']} questions, {counts['negative']} of them with nothing that answers them")
    for each in settings:
        click.echo(f"{each['name']}: {each['label']}" if len(settings) > 1 else each["label"])
    click.echo("")
    titles = ["MEASURE", *(each["name"] if len(settings) > 1 else "VALUE" for each in settings)]
    for each in made["comparisons"]:
        titles += [f"{each['setting']} - {each['against']}", "95 %", "P"]
    print_table(titles, [_row(made, name) for name in _names(settings)])
    if made["comparisons"]:
        note("95 %: bootstrap over questions. P: paired randomization test, for each measure alone.", dim=True)


def _names(settings: Sequence[Mapping[str, Any]]) -> list[str]:
    return [*dict.fromkeys(name for each in settings for name in each["measures"]), "search_seconds"]


def _row(made: Mapping[str, Any], name: str) -> list[str]:
    settings = made["settings"]
    if name == "search_seconds":
        cells = ["search, median ms", *(f"{each[name] * 1000:.1f}" for each in settings)]
        return cells + ["", "", ""] * len(made["comparisons"])
    depths = {each["top_k"] for each in settings}
    at = f"@{depths.pop() if len(depths) == 1 else 'k'}" if name in AT_K else ""
    cells = [name.replace("_", " ") + at]
    cells += [f"{each['measures'][name]:.3f}" if name in each["measures"] else "-" for each in settings]
    for each in made["comparisons"]:
        found = each["measures"].get(name)
        if found is None:
            cells += ["-", "-", "-"]
        else:
            cells += [
                f"{found['mean']:+.3f}",
                f"{found['low']:+.3f} to {found['high']:+.3f}",
                "<0.001" if found["p"] < 0.001 else f"{found['p']:.3f}",
            ]
    return cells
