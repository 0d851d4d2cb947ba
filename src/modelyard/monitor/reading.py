"""Makes series of figures of the samples in a ring. Pure, and runs in a thread, because a day has many samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from modelyard.gateway.middleware.buckets import BUCKETS, percentile
from modelyard.monitor.figures import FIGURES, QUANTILES, TICKS, Figure, FigureType
from modelyard.monitor.ring import Samples
from modelyard.protocol.metrics import FigureName, FigureSeries

Grouping = Literal["all", "model", "replica"]


class Label(NamedTuple):
    """What a series of samples belongs to."""

    model: str | None = None
    replica: str | None = None
    device: str | None = None


@dataclass(frozen=True, slots=True)
class SeriesQuery:
    """What a caller wants to see."""

    names: Sequence[FigureName]
    by: Grouping
    since: float
    """Unix time; a multiple of `step`."""
    step: float
    points: int
    sees: Callable[[Label], bool]
    """Whether the series of a label are wanted and may be seen."""


Table = dict[tuple[Label, int], dict[int, float]]
"""Label of a group and kind of sample → step → sum of the values."""


def read(samples: Samples, seconds: int, labels: Sequence[Label], query: SeriesQuery) -> list[FigureSeries]:
    """The series of a query. `seconds` is the length of a slot; a label's index is the number of its series."""
    table, ticks = _table(samples, seconds, labels, query)
    known = {step for step, count in ticks.items() if count} | {step for row in table.values() for step in row}
    groups = sorted({label for label, _ in table}, key=lambda label: tuple(part or "" for part in label))
    return [
        each
        for name in query.names
        for label in groups
        for each in _series(name, FIGURES[name], label, table, ticks, known, query.points)
    ]


def _table(
    samples: Samples, seconds: int, labels: Sequence[Label], query: SeriesQuery
) -> tuple[Table, Mapping[int, float]]:
    """The sums of all samples, and the number of measurements in each step."""
    groups = [_group(label, query.by) if query.sees(label) else None for label in labels]
    kinds = {TICKS, *(kind for name in query.names for kind in FIGURES[name].kinds)}
    table: Table = {}
    ticks: dict[int, float] = {}
    for slot, series, kind, value in samples.of_kinds(kinds):
        step = int((slot * seconds - query.since) // query.step)
        if kind == TICKS:
            ticks[step] = ticks.get(step, 0) + value
        elif (group := groups[series]) is not None:
            row = table.setdefault((group, kind), {})
            row[step] = row.get(step, 0.0) + value
    return table, ticks


def _group(label: Label, by: Grouping) -> Label:
    if label.device is not None or by == "replica":
        return label
    return Label(label.model) if by == "model" else Label()


def _series(
    name: FigureName,
    figure: Figure,
    label: Label,
    table: Table,
    ticks: Mapping[int, float],
    known: set[int],
    points: int,
) -> Iterator[FigureSeries]:
    """The series of one figure of one group: three for times, one for others, none without a sample."""
    rows = {kind - figure.kinds.start: row for kind in figure.kinds if (row := table.get((label, kind)))}
    if not rows:
        return
    if figure.type is FigureType.QUANTILES:
        counts = _counts(rows)
        for quantile in QUANTILES:
            values = [percentile(counts[step], quantile) if step in counts else None for step in range(points)]
            yield _one_series(name, figure, label, quantile, values)
    else:
        yield _one_series(name, figure, label, None, list(_plain(figure.type, rows, ticks, known, points)))


def _plain(
    type: FigureType, rows: Mapping[int, Mapping[int, float]], ticks: Mapping[int, float], known: set[int], points: int
) -> Iterator[float | None]:
    """The values of a figure that is one number in each step."""
    sums, counts = rows.get(0, {}), rows.get(1, {})
    for step in range(points):
        if type is FigureType.SUM:
            yield sums.get(step, 0.0) if step in known else None
        elif type is FigureType.SHARE:
            yield sums.get(step, 0.0) / count if (count := counts.get(step)) else None
        elif type is FigureType.PRESENT_MEAN:
            yield round(sums[step] / count, 3) if step in sums and (count := ticks.get(step)) else None
        else:
            yield sums.get(step, 0.0) / count if (count := ticks.get(step)) else None


def _counts(rows: Mapping[int, Mapping[int, float]]) -> dict[int, list[float]]:
    """Step → the counts of all buckets."""
    found: dict[int, list[float]] = {}
    for bucket, row in rows.items():
        for step, count in row.items():
            found.setdefault(step, [0.0] * BUCKETS)[bucket] += count
    return found


def _one_series(
    name: FigureName, figure: Figure, label: Label, quantile: float | None, values: list[float | None]
) -> FigureSeries:
    return FigureSeries(
        name=name,
        model=label.model,
        replica=label.replica,
        device=label.device,
        quantile=quantile,
        unit=figure.unit,
        values=[None if value is None else round(value, 6) for value in values],
    )
