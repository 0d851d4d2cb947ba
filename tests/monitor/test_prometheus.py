"""`/metrics` under vLLM's names, the dashboard that reads them, and logs as JSON: against a real server and llama.cpp."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from modelyard.core.log import FIELDS, FORMAT, JsonLine
from modelyard.gateway.middleware.tally import DURATION, TTFT
from modelyard.monitor.prometheus import MOST_REPLICAS, Totals, histogram
from tests.live import HELLO, Live, live
from tests.processes import wait_for

DASHBOARD = Path(__file__).parents[2] / "examples/grafana/modelyard.json"
METRIC = re.compile(r"\b(?:vllm:|modelyard_|process_)\w+")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A server that logs JSON, with a fake model and the demo model on llama.cpp."""
    env = {"MODELYARD_LOG_FORMAT": "json", "MODELYARD_ACCESS_LOG": "true"}
    with live(tmp_path_factory.mktemp("metrics") / "home", env) as running:
        running.launched("echo", tokens=5)
        running.http.post("/v1/models", json={"model_name": "demo"}).raise_for_status()
        yield running


def scraped(server: Live) -> list[Sample]:
    """Every sample of `/metrics`."""
    text = server.http.get("/metrics").text
    return [sample for family in text_string_to_metric_families(text) for sample in family.samples]


def value(server: Live, name: str, model: str = "echo", **labels: str) -> float:
    found = [
        sample.value
        for sample in scraped(server)
        if sample.name == name and {"model_name": model, **labels}.items() <= sample.labels.items()
    ]
    return sum(found)


def test_tokens_and_times_are_those_of_the_answers(server: Live) -> None:
    before = {name: value(server, name) for name in ("vllm:generation_tokens_total", "vllm:prompt_tokens_total")}
    usages = []
    for stream in (True, True, False):
        options = {"stream_options": {"include_usage": True}} if stream else {}
        answer = server.chat("echo", stream=stream, **options)
        found = re.search(r'"usage": ?(\{"prompt_tokens.*?\})', answer.text)
        assert found, answer.text
        usages.append(json.loads(found[1] + "}" * (found[1].count("{") - found[1].count("}"))))
    assert server.chat("echo", messages=[]).status_code == 400
    grown = {name: value(server, name) - count for name, count in before.items()}
    assert grown["vllm:generation_tokens_total"] == sum(each["completion_tokens"] for each in usages)
    assert grown["vllm:prompt_tokens_total"] == sum(each["prompt_tokens"] for each in usages)
    assert value(server, "vllm:request_success_total") == 3
    assert value(server, "vllm:time_to_first_token_seconds_count") == 2
    assert value(server, "vllm:e2e_request_latency_seconds_count") == 3
    assert (
        0
        < value(server, "vllm:time_to_first_token_seconds_sum")
        < value(server, "vllm:e2e_request_latency_seconds_sum")
    )
    assert value(server, "vllm:num_requests_running") == 0
    names = {sample.labels["replica"] for sample in scraped(server) if sample.labels.get("model_name") == "echo"}
    assert names == {"echo-rep0"}, "the number of a start is no label"


def test_running_requests_are_counted_while_they_run(server: Live) -> None:
    server.launched("slow", tokens=100_000, tokens_per_second=50)
    body = {"model": "slow", "messages": HELLO, "stream": True, "max_tokens": 100_000}
    with server.http.stream("POST", "/v1/chat/completions", json=body) as answer:
        lines = answer.iter_lines()
        next(lines)
        assert value(server, "vllm:num_requests_running", "slow") == 1
        wait_for(lambda: value(server, "vllm:generation_tokens_total", "slow") > 3)
        wait_for(lambda: value(server, "vllm:inter_token_latency_seconds_count", "slow") > 3)
    wait_for(lambda: value(server, "vllm:num_requests_running", "slow") == 0)
    server.http.delete("/v1/models/slow")


def test_every_metric_and_label_of_the_dashboard_is_exported(server: Live) -> None:
    wait_for(lambda: any(each.name == "vllm:prefix_cache_hits_total" for each in scraped(server)), seconds=90)
    for _ in range(2):
        server.chat("demo", stream=True, max_tokens=4).raise_for_status()
    wait_for(lambda: value(server, "vllm:prefix_cache_queries_total", "demo"), seconds=90)
    labels: dict[str, set[str]] = {}
    for sample in scraped(server):
        labels.setdefault(sample.name, set()).update(sample.labels)
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    variables = [each["query"]["query"] for each in dashboard["templating"]["list"] if each["type"] == "query"]
    assert len(expressions) > 15 and len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    for expression in (*expressions, *variables):
        names = set(METRIC.findall(expression))
        assert names and names <= set(labels), expression
        used = {
            name for group in re.findall(r"by \(([^)]*)\)", expression) for name in group.replace(" ", "").split(",")
        }
        used |= set(re.findall(r"(\w+)=~", expression))
        assert all(used <= labels[name] for name in names), expression


def test_histograms_add_up() -> None:
    counts = [0] * 80
    counts[40], counts[79] = 3, 1
    buckets, total = histogram(counts)
    sums = [count for _, count in buckets]
    assert sums == sorted(sums) and buckets[-1] == ("+Inf", 4.0) and 0 < buckets[-2][1] <= 3
    bounds = [float(bound) for bound, _ in buckets]
    assert bounds == sorted(set(bounds)) and total > 0


def test_the_number_of_replicas_is_bounded() -> None:
    totals = Totals()
    totals.add(("", ""), [(TTFT, 1)])
    for number in range(MOST_REPLICAS + 5):
        totals.add((f"m{number}", ""), [(DURATION, 1)])
        totals.add_prefixes((f"m{number}", ""), 2, 1)
    totals.add(("m0", ""), [(DURATION, 1)])
    assert len(totals.counts) == len(totals.prefixes) == MOST_REPLICAS
    assert totals.counts["m0", ""][DURATION] == 2 and totals.prefixes["m0", ""] == (2, 1)


def lines(server: Live) -> list[dict[str, Any]]:
    return [json.loads(line) for line in server.output().splitlines() if line.startswith("{")]


def test_logs_are_objects_and_requests_have_fields(server: Live) -> None:
    answer = server.chat("echo")
    name = answer.headers["x-request-id"]
    line = wait_for(lambda: next((each for each in lines(server) if each.get("request_id") == name), None))
    assert (line["level"], line["logger"], line["model"], line["status"]) == ("info", "modelyard.access", "echo", 200)
    assert line["tokens_out"] == answer.json()["usage"]["completion_tokens"]
    assert line["seconds"]["total"] > 0 and line["message"].startswith("POST /v1/chat/completions 200")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", line["time"])
    assert any(each["message"].startswith("listening on http://") for each in lines(server))
    assert not any(" INFO " in each for each in server.output().splitlines()), "no line is in the other form"


def test_a_line_of_json_is_one_line_and_safe() -> None:
    form = JsonLine(FORMAT)
    try:
        raise ValueError("first\nsecond \x1b[31m")
    except ValueError as error:
        record = logging.makeLogRecord(
            {"name": "modelyard.x", "levelname": "ERROR", "msg": "a\nb \x1b é", "exc_info": (type(error), error, None)}
        )
    setattr(record, FIELDS, {"model": "m"})
    text = form.format(record)
    assert "\n" not in text and "\x1b" not in text
    line = json.loads(text)
    assert (line["message"], line["model"], line["level"]) == (r"a\nb \x1b é", "m", "error")
    assert "ValueError: first" in line["exception"]
