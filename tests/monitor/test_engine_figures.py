"""What engines tell of their replicas: read from their metrics, shown in gauges and series, and absent where nothing is known."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

import pytest

from modelyard.core.types import ReplicaFigure
from modelyard.engines.llama_cpp.figures import FIGURES as LLAMA_FIGURES
from modelyard.engines.llama_cpp.figures import metrics
from modelyard.engines.served import FIGURES as SERVED_FIGURES
from modelyard.engines.sglang import FIGURES as SGLANG_FIGURES
from modelyard.engines.vllm import FIGURES as VLLM_FIGURES
from modelyard.monitor.engine_figures import EngineFigures, figures_of
from modelyard.protocol.metrics import FigureName
from tests.live import Live, live
from tests.processes import wait_for

VLLM = """# HELP vllm:num_requests_waiting Number of requests waiting to be processed.
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{engine="0",model_name="a} b"} 3.0
vllm:num_requests_waiting{engine="1",model_name="a} b"} 4.0
vllm:num_requests_waiting_by_reason{engine="0",model_name="m"} 9.0
vllm:kv_cache_usage_perc{engine="0",model_name="m"} 0.25
vllm:kv_cache_usage_perc{engine="1",model_name="m"} 0.75
vllm:prefix_cache_queries_total{engine="0",model_name="m"} 1.5e+06
vllm:prefix_cache_hits_total{engine="0",model_name="m"} 500000.0
vllm:prefix_cache_hits_created{engine="0",model_name="m"} 1.79e+09
"""
SGLANG = """sglang:num_queue_reqs{model_name="m"} 2.0
sglang:token_usage{model_name="m"} 0.5
sglang:prompt_tokens_total{model_name="m"} 100.0
sglang:cached_tokens_total{model_name="m"} 40.0
"""
SERVED = "replica_answers_waiting 2\nreplica_prompt_tokens_read_total 60\nreplica_prompt_tokens_reused_total 40\n"


@pytest.mark.parametrize(
    ("text", "names", "expected"),
    [
        (VLLM, VLLM_FIGURES, EngineFigures(7, 50.0, 1_500_000, 500_000)),
        (SGLANG, SGLANG_FIGURES, EngineFigures(2, 50.0, 100, 40)),
        (SERVED, SERVED_FIGURES, EngineFigures(2, None, 100, 40)),
        ("vllm:num_requests_waiting nan\nvllm:kv_cache_usage_perc\nvllm:x 1\n}", VLLM_FIGURES, EngineFigures()),
        ("", VLLM_FIGURES, EngineFigures()),
    ],
)
def test_metrics_are_read(text: str, names: dict[str, tuple[ReplicaFigure, ...]], expected: EngineFigures) -> None:
    assert figures_of(text, names) == expected


def test_the_front_of_llama_cpp_adds_what_waits_and_the_use_of_slots() -> None:
    own = b"llamacpp:requests_deferred 1\nllamacpp:prompt_tokens_total 60\nllamacpp:prompt_tokens_cached_total 40\n"
    slots = b'[{"n_ctx":100,"is_processing":true,"n_prompt_tokens":50},{"n_ctx":100,"is_processing":false,"n_prompt_tokens":70}]'
    found = figures_of(metrics(own, slots, 2).decode(), LLAMA_FIGURES)
    assert found == EngineFigures(3, 25.0, 100, 40)
    assert figures_of(metrics(own, b'{"error":{}}', 0).decode(), LLAMA_FIGURES).kv_cache is None


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("figures") / "home") as running:
        yield running


@contextmanager
def asking(ask: Callable[[], Any], times: int) -> Iterator[None]:
    """Requests that are in progress during a block."""
    threads = [threading.Thread(target=ask) for _ in range(times)]
    for thread in threads:
        thread.start()
    yield
    for thread in threads:
        thread.join()


def gauge(server: Live, uid: str) -> dict[str, Any]:
    text = server.http.get("/v1/events", params={"topics": "gauges", "follow": "false"}).text
    data = next(line for line in text.splitlines() if line.startswith("data: "))
    found: dict[str, Any] = json.loads(data[6:])["data"]["gauges"]["models"][uid]
    return found


def series(server: Live, uid: str, name: str, by: str = "replica") -> list[dict[str, Any]]:
    answer = server.http.get("/v1/metrics/series", params={"model": uid, "name": name, "by": by})
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


def newest(found: list[dict[str, Any]]) -> float | None:
    """The newest value of the only series that is not null."""
    return next((value for each in found for value in reversed(each["values"]) if value is not None), None)


def test_waiting_requests_are_in_gauges_and_series(server: Live) -> None:
    server.launched("busy", slots=1, hang_after=1)
    server.launched("idle")
    with asking(lambda: server.chat("busy", max_tokens=5), 3):
        wait_for(lambda: gauge(server, "busy")["queued"] == 2, seconds=60)
        found = gauge(server, "busy")
        assert (found["in_flight"], found["figures"]["0"]["queued"]) == (3, 2)
        assert found["figures"]["0"]["kv_cache_percent"] == 100.0
        wait_for(lambda: newest(series(server, "busy", "queued")) == 2.0, seconds=60)
        wait_for(lambda: newest(series(server, "busy", "kv_cache", "model")) == 100.0, seconds=60)
        assert [each["replica"] for each in series(server, "busy", "queued")] == ["busy-rep0"]
        server.http.delete("/v1/models/busy")
    wait_for(lambda: newest(series(server, "idle", "queued")) == 0.0, seconds=60)
    found = gauge(server, "idle")
    assert (found["queued"], found["figures"]["0"]["kv_cache_percent"], found["figures"]["0"]["prefix_hits"]) == (
        0,
        None,
        None,
    )
    assert series(server, "idle", "kv_cache") == [] and series(server, "idle", "prefix_hits") == []
    wait_for(lambda: gauge(server, "idle")["figures"]["0"]["memory"], seconds=60)


def test_llama_cpp_tells_queue_cache_and_prefixes(server: Live) -> None:
    launch = {"model_name": "modelyard-demo", "model_engine": "llama.cpp", "n_ctx": 2048, "n_parallel": 1}
    server.launched("real", **launch)
    # many tokens each, so that some wait while the figures are read; they are stopped at the end
    body = {"max_tokens": 1800, "ignore_eos": True}
    with asking(lambda: server.chat("real", **body), 4):
        wait_for(lambda: (gauge(server, "real")["queued"] or 0) >= 1, seconds=60)
        wait_for(lambda: (gauge(server, "real")["figures"]["0"]["kv_cache_percent"] or 0) > 0, seconds=60)
        wait_for(lambda: gauge(server, "real")["figures"]["0"]["prefix_queries"], seconds=60)
        server.http.delete("/v1/models/real")


def test_the_page_names_every_figure() -> None:
    page = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in page for name in get_args(FigureName))
