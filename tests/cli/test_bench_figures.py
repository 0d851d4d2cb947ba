"""What the benchmark computes, draws and sends: pure functions against figures worked out by hand."""

from __future__ import annotations

import itertools
import xml.etree.ElementTree as ET
from array import array
from pathlib import Path

import pytest

from modelyard.cli.benchmark import plot
from modelyard.cli.benchmark.figures import FigureOptions, figures, peak, percentile, tokens_by_second
from modelyard.cli.benchmark.load import LoadOutcome, arrivals
from modelyard.cli.benchmark.progress import line
from modelyard.cli.benchmark.prompts import (
    BenchPrompt,
    EndpointKind,
    RandomLengths,
    bodies,
    builtin_prompts,
    file_prompts,
    random_prompts,
)
from modelyard.cli.benchmark.wire import AnswerReader, BenchmarkSample, BenchServer
from modelyard.core.errors import BadRequest

KEYS = """
duration completed failed total_input_tokens total_output_tokens request_throughput request_goodput output_throughput
total_token_throughput max_output_tokens_per_s max_concurrent_requests
input_lens output_lens ttfts itls latencies start_times queue_times generated_texts errors
"""


def sample(start: float, ttft: float, *itls: float, counted: int | None = None, problem: str = "") -> BenchmarkSample:
    return BenchmarkSample(
        start=start,
        ttft=ttft,
        itls=array("d", itls),
        latency=ttft + sum(itls),
        events=1 + len(itls),
        input_tokens=10,
        counted_tokens=counted,
        problem=problem,
        example=problem and f"{problem}!",
    )


RUN = [
    sample(0.0, 0.1, 0.1, 0.1),
    sample(0.2, 0.3, 0.5, counted=6),
    sample(1.0, 0.2),
    sample(1.1, 0.2, problem="cut off"),
]


def test_figures_are_those_computed_by_hand() -> None:
    got = figures(RUN, 2.0, FigureOptions(percentiles=(50, 99.5), goodput={"ttft": 250, "tpot": 101}))
    expected = {
        "completed": 3,
        "failed": 1,
        "duration": 2.0,
        "total_input_tokens": 30,
        "total_output_tokens": 10,
        "request_throughput": 1.5,
        "output_throughput": 5.0,
        "total_token_throughput": 20.0,
        "request_goodput": 1.0,
        "max_concurrent_requests": 2,
        "mean_ttft_ms": 200.0,
        "median_ttft_ms": 200.0,
        "std_ttft_ms": 81.6497,
        "p99.5_ttft_ms": 299.0,
        "mean_tpot_ms": 100.0,
        "median_itl_ms": 100.0,
        "mean_e2el_ms": (300 + 800 + 200) / 3,
    }
    assert {key: got[key] for key in expected} == pytest.approx(expected, rel=1e-5)
    assert got["error_kinds"] == {"cut off": {"count": 1, "example": "cut off!"}}


def test_the_keys_are_those_of_vllms_benchmark() -> None:
    keys = set(figures(RUN, 2.0, FigureOptions(detailed=True)))
    spreads = itertools.product(("mean", "median", "std", "p50", "p95", "p99"), ("ttft", "tpot", "itl", "e2el"))
    assert keys == {
        *KEYS.split(),
        *(f"{kind}_{metric}_ms" for kind, metric in spreads),
        "error_kinds",
    }


def test_nothing_measured_is_zeros() -> None:
    got = figures([], 0.0, FigureOptions(goodput={"ttft": 1}))
    assert {value for key, value in got.items() if key != "error_kinds"} == {0}
    assert plot.html([], {**got, "model_id": "m"}).count("No request was completed") == 1


def test_percentiles_are_interpolated() -> None:
    assert [percentile([1, 2, 3, 4], part) for part in (0, 50, 99, 100)] == pytest.approx([1, 2.5, 3.97, 4])


def test_concurrency_and_tokens_by_second_are_counted() -> None:
    assert peak([sample(0, 1), sample(1, 1), sample(1.5, 1)]) == 2, "an end makes room for a beginning at that moment"
    assert tokens_by_second([sample(0.5, 0.4, 0.4, counted=4), sample(2, 0.1)]) == {0: 2, 1: 2, 2: 1}


@pytest.mark.parametrize("burstiness", [0.2, 1.0, 50.0])
def test_arrivals_end_at_the_rate(burstiness: float) -> None:
    times = arrivals(200, 10.0, burstiness, seed=7)
    assert times == sorted(times) == arrivals(200, 10.0, burstiness, seed=7) != arrivals(200, 10.0, burstiness, seed=8)
    assert times[-1] == pytest.approx(20.0)
    assert arrivals(3, float("inf"), burstiness, 0) == [0, 0, 0]


def test_burstiness_is_the_shape_of_the_gaps() -> None:
    def unevenness(burstiness: float) -> float:
        times = arrivals(500, 1.0, burstiness, seed=1)
        gaps = [after - before for before, after in itertools.pairwise(times)]
        return sum((gap - 1) ** 2 for gap in gaps) / len(gaps)

    assert unevenness(0.2) > 2 * unevenness(1.0) > 10 * unevenness(50.0)


def test_random_prompts_are_the_same_for_a_seed() -> None:
    prompts = random_prompts(50, RandomLengths(100, 40, 0.2), seed=3)
    words = [len((prompt.text or "").split()) for prompt in prompts]
    assert 80 <= min(words) < max(words) <= 120
    assert {32 <= prompt.output_len <= 48 for prompt in prompts} == {True}
    assert prompts == random_prompts(50, RandomLengths(100, 40, 0.2), seed=3)
    exact = random_prompts(5, RandomLengths(7, 9), seed=3)
    assert [(len((each.text or "").split()), each.output_len) for each in exact] == [(7, 9)] * 5


def test_questions_of_our_own_differ_until_they_run_out() -> None:
    texts = [prompt.text or "" for prompt in builtin_prompts(100, 8, seed=1)]
    first = next(at for at in range(1, 100) if texts[at] == texts[0])
    assert first >= 36 and len(set(texts[:first])) == first
    assert any("的" in text for text in texts) and any("the" in text for text in texts)


def test_rows_of_a_file_are_prompts_or_messages(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text('{"prompt": "a"}\n\n"b"\n{"messages": [{"role": "user", "content": "c"}], "output_tokens": 3}\n')
    rows = file_prompts(file, 4, 9)
    assert [row.text for row in rows] == ["a", "b", None, "a"]
    assert [row.output_len for row in rows] == [9, 9, 3, 9]
    for wrong, said in (
        ('{"text": "a"}', "line 2"),
        ("{", "line 2"),
        ('{"prompt": "a", "output_tokens": 0}', "positive"),
    ):
        file.write_text('"fine"\n' + wrong)
        with pytest.raises(BadRequest, match=said):
            file_prompts(file, 1, 9)
    file.write_text("\n")
    with pytest.raises(BadRequest, match="no rows"):
        file_prompts(file, 1, 9)
    with pytest.raises(BadRequest, match="cannot be read"):
        file_prompts(tmp_path / "none", 1, 9)


def test_bodies_are_those_of_their_endpoint() -> None:
    prompts = [BenchPrompt("hi", 5)]
    (chat,) = bodies(EndpointKind.CHAT, "m", prompts, True, {"temperature": 0, "stream_options": None})
    assert chat == {
        "model": "m",
        "messages": [{"role": "user", "content": "hi"}],
        "max_tokens": 5,
        "stream": True,
        "ignore_eos": True,
        "temperature": 0,
    }
    (completion,) = bodies(EndpointKind.COMPLETIONS, "m", prompts, False, {})
    assert (completion["prompt"], completion["stream_options"]) == ("hi", {"include_usage": True})
    assert list(bodies(EndpointKind.EMBEDDINGS, "m", prompts, True, {})) == [{"model": "m", "input": "hi"}]
    with pytest.raises(BadRequest, match="'messages'"):
        list(
            bodies(EndpointKind.COMPLETIONS, "m", [BenchPrompt(None, 5, [{"role": "user", "content": "x"}])], False, {})
        )


def test_a_stream_in_any_pieces_reads_the_same() -> None:
    events = (
        b'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n',
        b": a remark\r\n\r\n",
        b'data: {"choices":[{"index":0,"delta":{"reasoning_content":"hm"}}]}\r\n\r\n',
        'data: {"choices":[{"index":0,"delta":{"content":"世界"}}],"usage":null}\n\n'.encode(),
        b'data:{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0}]}}]}\n\n',
        b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n',
        b'data: {"choices":[],"usage":{"prompt_tokens":4,"completion_tokens":7}}\n\n',
        b"data: [DONE]\n\n",
    )
    data = b"".join(events)
    for size in (1, 7, len(data)):
        read = BenchmarkSample()
        answer = AnswerReader(read, stream=True, keep_text=True)
        for at in range(0, len(data), size):
            answer.feed(data[at : at + size], 1e9 + at, 200)
        answer.end(1e9 + len(data), 200)
        assert (read.problem, read.events, read.output_tokens, read.input_tokens) == ("", 3, 7, 4)
        assert (len(read.itls), "".join(read.text)) == (2, "hm世界")
        assert read.ttft is not None and read.latency >= read.ttft + sum(read.itls)


def test_addresses_are_read_with_and_without_v1() -> None:
    plain = BenchServer.at("http://h:81/v1", None).request("/v1/models")
    assert plain.startswith(b"GET /v1/models HTTP/1.1\r\nHost: h:81\r\n") and b"Authorization" not in plain
    below = BenchServer.at("http://h/some/place", "sk-1").request("/v1/completions", {"a": 1})
    assert below.startswith(b"POST /some/place/v1/completions HTTP/1.1\r\nHost: h\r\n")
    assert b"\r\nAuthorization: Bearer sk-1\r\n" in below and below.endswith(b'\r\nContent-Length: 7\r\n\r\n{"a":1}')
    assert (BenchServer.at("https://h", None).port, BenchServer.at("h:9", None).port) == (443, 9)
    for wrong in ("ftp://h", "http://", "http://h:x"):
        with pytest.raises(BadRequest, match="not the address"):
            BenchServer.at(wrong, None)
    with pytest.raises(BadRequest, match="printable"):
        BenchServer.at("http://h", "a\r\nb: c")


def test_the_page_is_well_formed_and_draws_every_request() -> None:
    result = {**figures(RUN, 2.0, FigureOptions()), "model_id": '<a & "b">'}
    page = plot.html(RUN, result)
    tree = ET.fromstring(page.removeprefix("<!DOCTYPE html>\n"))
    assert tree.findtext("body/h1") == '<a & "b">: 3 requests in 2.0 s'
    svgs = tree.findall(".//{http://www.w3.org/2000/svg}svg")
    assert len(svgs) == 3
    assert len(svgs[0].findall(".//{http://www.w3.org/2000/svg}circle")) == 2 * 3
    assert len(svgs[1].findall(".//{http://www.w3.org/2000/svg}polyline")) == 4
    assert "http" not in page.replace("http://www.w3.org/2000/svg", ""), "it needs nothing from elsewhere"


def test_a_picture_that_cannot_be_drawn_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadRequest, match=r"neither \.html nor \.png"):
        plot.check_target(Path("x.gif"))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(BadRequest, match="matplotlib"):
        plot.check_target(Path("x.png"))
    plot.check_target(Path("x.html"))


def test_round_ends_of_axes() -> None:
    assert [plot.ceiling(value) for value in (0, 1, 0.03, 4.1, 99, 820)] == pytest.approx([1, 1, 0.04, 5, 100, 1000])


def test_axes_hold_their_values() -> None:
    ticks, part_of = plot.linear([3.0, 7.0])
    assert ticks == [0, 2, 4, 6, 8] and part_of(4) == 0.5
    ticks, part_of = plot.logarithmic([0.0, 3.0, 800.0])
    assert ticks == pytest.approx([0.01, 0.1, 1, 10, 100, 1000])
    assert [part_of(value) for value in (0, 0.01, 1, 1000)] == pytest.approx([0, 0, 0.4, 1])
    assert plot.logarithmic([10.0])[0] == [10, 100]


def test_the_progress_line_has_counts_and_rates() -> None:
    outcome = LoadOutcome(total=4, samples=RUN[:2], running=2, completed=1, tokens=30, began=1.0)
    assert line(outcome, 2.0) == "████████████░░░░░░░░░░░░  2/4  2 running  1 failed  0.5 req/s  15 tok/s  2 s"


DOTS = plot.Panel("A < B", "seconds", "ms", [plot.Series("x", "#123456", [(0.0, 0.0), (4.0, 8.0), (2.0, 4.0)])])


def test_a_diagram_has_its_points_ticks_and_grid_in_their_places() -> None:
    drawing = ET.fromstring(plot.svg(DOTS))
    space = "{http://www.w3.org/2000/svg}"
    assert drawing.get("viewBox") == "0 0 760 300" and drawing.findtext(f"{space}title") == "A < B"
    points = [(each.get("cx"), each.get("cy"), each.get("r")) for each in drawing.iter(f"{space}circle")]
    assert points == [("64.0", "256.0", "2.2"), ("736.0", "28.0", "2.2"), ("400.0", "142.0", "2.2")]
    lines = [[each.get(name) for name in ("x1", "x2", "y1", "y2")] for each in drawing.iter(f"{space}line")]
    assert lines == [["64", "736", y, y] for y in ("256.0", "199.0", "142.0", "85.0", "28.0")]
    texts = [
        (each.get("x"), each.get("y"), each.get("text-anchor"), each.text) for each in drawing.iter(f"{space}text")
    ]
    across = [
        (f"{x:.1f}", "274", "middle", f"{tick}") for x, tick in zip((64, 232, 400, 568, 736), range(5), strict=True)
    ]
    up = [
        ("56", f"{y:.1f}", "end", f"{tick}") for y, tick in zip((260, 203, 146, 89, 32), range(0, 10, 2), strict=True)
    ]
    assert texts == [*across, *up, ("400.0", "294", "middle", "seconds"), ("64", "16", None, "ms")]


@pytest.mark.parametrize(("count", "line", "tags"), [(1, True, "circle"), (2, True, "polyline"), (2, False, "circle")])
def test_a_line_needs_two_points(count: int, line: bool, tags: str) -> None:
    series = plot.Series("", "#000", [(float(at), 1.0) for at in range(count)], line)
    assert f"<{tags} " in plot.drawn(series, float, float)
    assert ("<polyline" in plot.drawn(series, float, float)) is (tags == "polyline")


@pytest.mark.parametrize(("points", "dots"), [(0, 0), (1, 1), (4000, 4000), (4001, 2001), (8001, 2667)])
def test_at_most_four_thousand_points_are_drawn(points: int, dots: int) -> None:
    series = plot.Series("", "#000", [(0.0, 0.0)] * points)
    if points:
        assert plot.drawn(series, float, float).count("<circle") == dots


@pytest.mark.parametrize(
    ("values", "points"),
    [
        ([], []),
        ([0.5], [(500.0, 100.0)]),
        ([0.1, 0.2], [(100.0, 50.0), (200.0, 100.0)]),
    ],
)
def test_a_distribution_ends_at_all_values(values: list[float], points: list[tuple[float, float]]) -> None:
    assert plot.distribution(values) == points


def test_a_long_distribution_is_thinned_out() -> None:
    values = [float(at) for at in range(1999)]
    points = plot.distribution(values)
    assert len(points) == 501 and points[0] == (0.0, 100 / 1999) and points[-1] == (1998000.0, 100.0)
    assert len(plot.distribution(values[:799])) == 799


def test_only_what_was_measured_is_drawn() -> None:
    shown = plot.panels(RUN)
    assert [panel.title for panel in shown] == ["Latency of each request", "How many were no slower", "Output tokens"]
    latency, spread, flow = shown
    assert [(each.name, len(each.points), each.line) for each in latency.series] == [
        ("Time to first token", 3, False), ("End-to-end latency", 3, False),
    ]  # fmt: skip
    assert latency.series[0].points[0] == (0.0, 100.0) and spread.logarithmic and not latency.logarithmic
    assert [len(each.points) for each in spread.series] == [3, 2, 3, 3] and all(each.line for each in spread.series)
    assert [x for x, _ in flow.series[0].points] == [0.0, 1.0] and sum(y for _, y in flow.series[0].points) == 10
    assert plot.panels([]) == []
    nothing = {**figures([], 1.0, FigureOptions()), "model_id": "m"}
    assert "No request was completed." in plot.html([], nothing)


def test_the_table_of_a_page_has_each_metric_and_kind() -> None:
    result = {"mean_ttft_ms": 1.0, "p99_ttft_ms": 2.5, "mean_itl_ms": 3.0, "p99_itl_ms": 4.0}
    assert plot.table(result) == (
        "<table><tr><th>ms</th><th>mean</th><th>p99</th></tr><tr><td>Time to first token</td><td>1.00</td><td>2.50</td></tr>"
        "<tr><td>Inter-token latency</td><td>3.00</td><td>4.00</td></tr></table>"
    )
    assert plot.table({}) == ""
    assert plot.legend(DOTS) == '<span style="color:#123456">● x</span> &#160; '
