"""Draws the run: a self-contained HTML page with SVG diagrams, or a PNG if matplotlib is installed."""

from __future__ import annotations

import importlib
import importlib.util
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import Any

from modelyard.cli.benchmark.figures import METRICS, tokens_by_second, values_of
from modelyard.cli.benchmark.wire import BenchmarkSample
from modelyard.core.errors import BadRequest

WIDTH, HEIGHT = 760, 300
LEFT, RIGHT, TOP, BOTTOM = 64, 24, 28, 44
MOST_POINTS = 4000
SMALLEST = 0.01
"""Minimum milliseconds of a logarithmic axis."""
COLOURS = {"ttft": "#2a78d6", "tpot": "#1b9e77", "itl": "#b8860b", "e2el": "#c2410c", "tokens": "#6d4bc3"}

STYLE = """
:root { color-scheme: light dark; --ink: #1f2328; --faint: #6b7280; --grid: #e3e6ea; --paper: #fff; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8eb; --faint: #9aa3ad; --grid: #30363d; --paper: #14171a; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 50rem; margin: 2rem auto;
  padding: 0 1rem; }
h1 { font-size: 1.3rem; } h2 { font-size: 1rem; margin: 2rem 0 .3rem; }
svg { width: 100%; height: auto; display: block; } svg text { fill: var(--faint); font-size: 12px; }
.grid { stroke: var(--grid); } table { border-collapse: collapse; }
td, th { text-align: right; padding: .15rem .8rem .15rem 0; font-variant-numeric: tabular-nums; }
td:first-child, th:first-child { text-align: left; } th { color: var(--faint); font-weight: 500; }
"""


@dataclass(frozen=True, slots=True)
class Series:
    """Points of one colour in a diagram."""

    name: str
    colour: str
    points: Sequence[tuple[float, float]]
    line: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """One diagram."""

    title: str
    across: str
    up: str
    series: Sequence[Series]
    logarithmic: bool = False
    """Whether the horizontal axis is logarithmic."""


def check_target(path: Path) -> None:
    """Check before the run that the file can be written. Raises `BadRequest`."""
    if path.suffix not in (".html", ".png"):
        raise BadRequest(f"'{path}' is neither .html nor .png.")
    if path.suffix == ".png" and importlib.util.find_spec("matplotlib") is None:
        raise BadRequest("A PNG needs matplotlib, which is not installed; choose a file name with .html.")


def save(path: Path, samples: Sequence[BenchmarkSample], result: Mapping[str, Any]) -> None:
    """Write the file. Raises `OSError`."""
    if path.suffix == ".html":
        path.write_text(html(samples, result), encoding="utf-8")
    else:
        save_png(path, panels(samples))


def panels(samples: Sequence[BenchmarkSample]) -> list[Panel]:
    """Latency of each request over time, its distribution, and output tokens over time."""
    good = [sample for sample in samples if not sample.problem]
    scattered = [
        Series(METRICS["ttft"], COLOURS["ttft"], [(s.start, s.ttft * 1000) for s in good if s.ttft is not None]),
        Series(METRICS["e2el"], COLOURS["e2el"], [(s.start, s.latency * 1000) for s in good]),
    ]
    spreads = [
        Series(title, COLOURS[name], distribution(values_of(name, good)), True) for name, title in METRICS.items()
    ]
    seconds = tokens_by_second(good)
    flow = [(float(at), seconds.get(at, 0.0)) for at in range(max(seconds, default=-1) + 1)]
    found = [
        Panel("Latency of each request", "seconds into the run", "ms", scattered),
        Panel("How many were no slower", "ms", "% of values", spreads, True),
        Panel(
            "Output tokens", "seconds into the run", "tokens per second", [Series("", COLOURS["tokens"], flow, True)]
        ),
    ]
    shown = [replace(panel, series=[each for each in panel.series if each.points]) for panel in found]
    return [panel for panel in shown if panel.series]


def distribution(ordered: Sequence[float]) -> list[tuple[float, float]]:
    """Points of the cumulative distribution: milliseconds, and per cent of values that are not larger."""
    step = max(1, len(ordered) // 400)
    kept = sorted({*range(0, len(ordered), step), len(ordered) - 1}) if ordered else []
    return [(ordered[at] * 1000, 100 * (at + 1) / len(ordered)) for at in kept]


def html(samples: Sequence[BenchmarkSample], result: Mapping[str, Any]) -> str:
    """The page as HTML that is also well-formed XML."""
    title = f"{result['model_id']}: {result['completed']} requests in {result['duration']:.1f} s"
    parts = [f"<h2>{escape(panel.title)}</h2>\n{legend(panel)}\n{svg(panel)}" for panel in panels(samples)]
    drawn = "\n".join(parts) or "<p>No request was completed.</p>"
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head><meta charset="utf-8"/>'
        '<meta name="viewport" content="width=device-width"/>'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n"
        f"<body><h1>{escape(title)}</h1>\n{table(result)}\n{drawn}\n</body>\n</html>\n"
    )


def table(result: Mapping[str, Any]) -> str:
    """A table of the metrics."""
    names = [name for name in METRICS if f"mean_{name}_ms" in result]
    if not names:
        return ""
    suffix = f"_{names[0]}_ms"
    kinds = [key.removesuffix(suffix) for key in result if key.endswith(suffix)]
    heads = "".join(f"<th>{escape(kind)}</th>" for kind in kinds)
    rows = "".join(
        f"<tr><td>{METRICS[name]}</td>"
        + "".join(f"<td>{result[f'{kind}_{name}_ms']:.2f}</td>" for kind in kinds)
        + "</tr>"
        for name in names
    )
    return f"<table><tr><th>ms</th>{heads}</tr>{rows}</table>"


def legend(panel: Panel) -> str:
    """The legend of a diagram's colours."""
    named = [each for each in panel.series if each.name]
    return "".join(f'<span style="color:{each.colour}">● {escape(each.name)}</span> &#160; ' for each in named)


def svg(panel: Panel) -> str:
    """One diagram as SVG."""
    points = [point for series in panel.series for point in series.points]
    ticks, part_of = (logarithmic if panel.logarithmic else linear)([x for x, _ in points])
    top = ceiling(max(y for _, y in points))

    def across(x: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * part_of(x)

    def up(y: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * y / top

    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" xmlns="http://www.w3.org/2000/svg" role="img">']
    parts += [f"<title>{escape(panel.title)}</title>"]
    for x in ticks:
        parts += [f'<text x="{across(x):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{x:g}</text>']
    for y in (top * part / 4 for part in range(5)):
        parts += [
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{up(y):.1f}" y2="{up(y):.1f}"/>',
            f'<text x="{LEFT - 8}" y="{up(y) + 4:.1f}" text-anchor="end">{y:g}</text>',
        ]
    parts += [
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 6}" text-anchor="middle">{escape(panel.across)}</text>',
        f'<text x="{LEFT}" y="{TOP - 12}">{escape(panel.up)}</text>',
    ]
    parts += [drawn(series, across, up) for series in panel.series]
    return "\n".join([*parts, "</svg>"])


def drawn(series: Series, across: Callable[[float], float], up: Callable[[float], float]) -> str:
    """A series as dots, or as a line."""
    if series.line and len(series.points) > 1:
        path = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in series.points)
        return f'<polyline points="{path}" fill="none" stroke="{series.colour}" stroke-width="1.8"/>'
    step = math.ceil(len(series.points) / MOST_POINTS)
    dots = "".join(f'<circle cx="{across(x):.1f}" cy="{up(y):.1f}" r="2.2"/>' for x, y in series.points[::step])
    return f'<g fill="{series.colour}" fill-opacity="0.6">{dots}</g>'


def linear(values: Sequence[float]) -> tuple[list[float], Callable[[float], float]]:
    """Ticks of a linear axis from 0, and a function from a value to its relative position."""
    end = ceiling(max(values))
    return [end * part / 4 for part in range(5)], lambda value: value / end


def logarithmic(values: Sequence[float]) -> tuple[list[float], Callable[[float], float]]:
    """Ticks of a logarithmic axis, and a function from a value to its relative position; smaller values are put at the start."""
    powers = [math.log10(max(value, SMALLEST)) for value in values]
    low = math.floor(min(powers))
    high = max(math.ceil(max(powers)), low + 1)
    ticks = [10.0**power for power in range(low, high + 1)]
    return ticks, lambda value: (math.log10(max(value, SMALLEST)) - low) / (high - low)


def ceiling(value: float) -> float:
    """Round up to 1, 2, 4, 5, 8 or 10 times a power of ten."""
    if value <= 0:
        return 1.0
    power: float = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 4, 5, 8, 10, 20) if step * power >= value)


def save_png(path: Path, shown: Sequence[Panel]) -> None:
    """Draw the diagrams with matplotlib."""
    figure = importlib.import_module("matplotlib.figure").Figure(
        figsize=(8, 3.4 * max(1, len(shown))), layout="constrained"
    )
    for place, panel in enumerate(shown, 1):
        axes = figure.add_subplot(len(shown), 1, place, title=panel.title, xlabel=panel.across, ylabel=panel.up)
        for series in panel.series:
            style = "-" if series.line else "."
            axes.plot(*zip(*series.points, strict=True), style, color=series.colour, label=series.name or None)
        if panel.logarithmic:
            axes.set_xscale("symlog", linthresh=SMALLEST)
        if any(series.name for series in panel.series):
            axes.legend()
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=120)
