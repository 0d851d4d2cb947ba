"""Series over time with a clock of the test's own: steps, means, percentiles, groups, and what is not known."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from modelyard.gateway.exchange import Exchange
from modelyard.gateway.middleware.tally import Tallies
from modelyard.monitor import series as recorder
from modelyard.monitor.reading import Grouping, Label
from modelyard.monitor.series import SeriesRecorder
from modelyard.protocol.metrics import FigureName, FigureSeries, SeriesList

START = 1_000_000.0
HOUR = 3600


class Day:
    """A recorder on a clock that the test moves."""

    def __init__(self) -> None:
        self.now = START
        self.tallies = Tallies()
        self.series = SeriesRecorder(self.tallies, list, lambda: self.now)

    def begin(self, model: str = "m", replica: str = "m-rep0-1") -> Exchange:
        exchange = Exchange(b"r", "POST", "/v1/embeddings", 0.0, model=model, replica=replica, status=200)
        self.tallies.begin(exchange)
        return exchange

    def end(self, exchange: Exchange, seconds: float = 1.0, status: int = 200) -> None:
        exchange.ended, exchange.status = seconds, status
        self.tallies.end(exchange)

    def ask(self, model: str = "m", replica: str = "m-rep0-1", seconds: float = 1.0) -> None:
        self.end(self.begin(model, replica), seconds)

    def pass_by(self, seconds: int) -> None:
        """Let seconds pass, as the recorder's loop sees them."""
        for _ in range(seconds):
            self.now += 1
            self.series.tick()

    def read(
        self, *names: FigureName, by: Grouping = "model", since: float | None = None, step: float = 0
    ) -> SeriesList:
        return asyncio.run(self.series.read(names, by, since, step, lambda label: True))


@pytest.fixture
def day() -> Iterator[Day]:
    yield Day()


def test_steps_that_are_complete_follow_without_a_gap(day: Day) -> None:
    def complete(since: float | None, step: float) -> SeriesList:
        return asyncio.run(day.series.read(["requests"], "model", since, step, lambda label: True, 1.5))

    day.pass_by(3)
    found = complete(None, 0)
    sums, end = 0.0, found.since + found.steps * found.step
    assert end <= day.now - 1.5
    for _ in range(8):
        day.ask()
        day.pass_by(3)
        found = complete(end, found.step)
        assert (found.since, found.step) == (end, 1)
        sums += sum(value or 0 for each in found.data for value in each.values)
        end += found.steps * found.step
    day.pass_by(3)
    found = complete(end, 1)
    assert sums + sum(value or 0 for each in found.data for value in each.values) == 8
    assert complete(day.now, 1).steps == 0


def values(found: SeriesList) -> dict[object, list[float | None]]:
    return {key(each): list(each.values) for each in found.data}


def key(each: FigureSeries) -> object:
    return each.quantile or each.device or (each.replica if each.replica else each.model)


def test_each_request_is_counted_in_its_second_and_unknown_seconds_are_null(day: Day) -> None:
    day.pass_by(3)
    day.ask()
    day.ask()
    day.pass_by(2)
    found = day.read("requests", since=START - 2)
    assert (found.since, found.step) == (START - 2, 1)
    assert values(found) == {"m": [None, None, 0, 0, 0, 2, 0, None]}


def test_what_happened_since_the_last_second_is_there_at_once(day: Day) -> None:
    day.pass_by(1)
    day.ask()
    assert sum(value or 0 for value in values(day.read("requests"))["m"]) == 1
    assert sum(value or 0 for value in values(day.read("requests", step=10))["m"]) == 1
    day.pass_by(20)
    assert sum(value or 0 for value in values(day.read("requests", step=10))["m"]) == 1


def test_a_day_is_kept_by_ten_seconds_and_steps_are_widened(day: Day) -> None:
    day.ask()
    day.pass_by(recorder.MOST_POINTS)
    day.ask()
    found = day.read("requests", since=START - 10, step=10)
    assert found.step == 10 and sum(value or 0 for value in values(found)["m"]) == 2
    assert len(found.data[0].values) == 102
    fine = day.read("requests", since=day.now - 30)
    assert (fine.step, sum(value or 0 for value in values(fine)["m"])) == (1, 1)
    day.now += 20 * HOUR
    wide = day.read("requests", since=0.0)
    assert wide.step == 90 and len(wide.data[0].values) <= recorder.MOST_POINTS
    assert sum(value or 0 for value in values(wide)["m"]) == 2
    day.now += 5 * HOUR
    day.pass_by(1)
    assert day.read("requests", since=0.0).data == []


def test_requests_in_progress_are_a_mean(day: Day) -> None:
    day.pass_by(10)
    exchange = day.begin()
    day.pass_by(5)
    day.end(exchange)
    day.pass_by(5)
    found = day.read("in_flight", since=START, step=10)
    assert values(found) == {"m": [0.0, 0.5, None]}


def test_percentiles_of_a_step_are_those_of_all_its_requests(day: Day) -> None:
    for number in range(100):
        day.ask(replica=f"m-rep{number % 2}-1", seconds=0.1 if number < 94 else 2.0)
    found = values(day.read("duration", since=day.now))
    assert {quantile: round(each[0] or 0, 1) for quantile, each in found.items()} == pytest.approx(
        {0.5: 0.1, 0.95: 2.0, 0.99: 2.0}, rel=0.25
    )


def test_figures_are_grouped_by_model_and_by_a_replica_that_was_restarted(day: Day) -> None:
    for model, replica in (("m", "m-rep0-1"), ("m", "m-rep0-2"), ("m", "m-rep1-3"), ("n", "n-rep0-1"), ("", "")):
        day.ask(model, replica)
    sums = {
        by: {name: sum(value or 0 for value in each) for name, each in values(day.read("requests", by=by)).items()}
        for by in ("all", "model", "replica")
    }  # fmt: skip
    assert sums == {
        "all": {None: 5},
        "model": {"m": 3, "n": 1, "": 1},
        "replica": {"m-rep0": 2, "m-rep1": 1, "n-rep0": 1, "": 1},
    }


def test_too_many_models_are_counted_together(day: Day, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "MOST_SERIES", 3)
    for number in range(5):
        day.ask(f"m{number}", "")
    sums = {name: sum(value or 0 for value in each) for name, each in values(day.read("requests")).items()}
    assert sums == {"m0": 1, "m1": 1, "": 3}


def test_the_present_speed_of_answers_is_a_mean_over_three_seconds(day: Day) -> None:
    for tokens in (90, 6, 3):
        day.end(day.begin())
        day.tallies.by_replica["m", "m-rep0-1"].add_tokens_out(tokens)
        day.pass_by(1)
    assert day.series.token_rates() == {"m": 33.0}
    day.pass_by(1)
    assert day.series.token_rates() == {"m": 3.0}
    day.pass_by(2)
    assert day.series.token_rates() == {}


def test_only_labels_that_the_caller_sees_are_read(day: Day) -> None:
    day.ask("m")
    day.ask("secret")
    found = asyncio.run(day.series.read(["requests"], "model", None, 0, lambda label: label == Label("m", "m-rep0")))
    assert [each.model for each in found.data] == ["m"]


def test_loads_of_this_process_and_machine_are_measured(day: Day) -> None:
    asyncio.run(day.series.measure())
    day.pass_by(1)
    found = {(each.device, each.name): each.values for each in day.read("memory", "cpu", since=START).data}
    (server, _), (machine, _) = found["server", "memory"], found["cpu", "memory"]
    assert server and machine and 10e6 < server < machine
