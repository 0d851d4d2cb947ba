"""What the log of a server takes from clients: bounded lines, no control characters, and each kind of error a few times."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest

from modelyard.core.log import AT_MOST, FORMAT, LONGEST_MESSAGE, LONGEST_TRACEBACK, MOST_KINDS, PERIOD, Plain, Throttle


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def written(clock: Clock) -> Iterator[io.StringIO]:
    """The text of a log whose clock stands still."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(Plain(FORMAT))
    handler.addFilter(Throttle(clock))
    logger = logging.getLogger("tests.log")
    logger.addHandler(handler)
    logger.propagate, logger.level = False, logging.DEBUG
    yield stream
    logger.removeHandler(handler)


log = logging.getLogger("tests.log")


def fail(message: str) -> None:
    raise ValueError(message)


def report(message: str) -> ValueError:
    try:
        fail(message)
    except ValueError as error:
        log.exception("it failed")
        return error
    raise AssertionError


def test_a_traceback_of_one_kind_is_written_once_a_period(written: io.StringIO, clock: Clock) -> None:
    for number in range(50):
        report(f"number {number}")
    assert written.getvalue().count("Traceback") == 1
    clock.now += PERIOD
    report("later")
    assert written.getvalue().count("Traceback") == 2
    assert "(and 49 more like it before)" in written.getvalue()


def test_one_exception_is_written_once_whoever_reports_it(written: io.StringIO, clock: Clock) -> None:
    error = report("once")
    clock.now += PERIOD
    log.error("another layer saw it", exc_info=error)
    assert "another layer" not in written.getvalue()


def test_warnings_of_one_kind_are_limited_and_other_kinds_pass(written: io.StringIO) -> None:
    for number in range(100):
        log.warning("request %d was bad", number)
        log.info("model %d is up", number)
    log.warning("something else")
    log.critical("the end")
    lines = written.getvalue().splitlines()
    assert sum("was bad" in line for line in lines) == AT_MOST
    assert sum("is up" in line for line in lines) == 100
    assert "something else" in lines[-2] and "the end" in lines[-1]


def test_the_kinds_that_are_remembered_are_bounded() -> None:
    throttle = Throttle()
    for number in range(3 * MOST_KINDS):
        throttle.filter(logging.LogRecord("x", logging.WARNING, "", 0, f"kind {number}", None, None))
    assert len(throttle._kinds) <= MOST_KINDS


def test_control_characters_are_escaped(written: io.StringIO) -> None:
    log.warning("from %s", "a\r\n12:00:00 ERROR forged\x1b[2J\x9b\u2028\ud800é中")
    assert len(written.getvalue().splitlines()) == 1
    assert r"a\r\n12:00:00 ERROR forged\x1b[2J\x9b\u2028\ud800é中" in written.getvalue()
    report("in a traceback \x1b[31m\r")
    assert r"in a traceback \x1b[31m\r" in written.getvalue()


def test_long_records_are_shortened(written: io.StringIO) -> None:
    log.warning("x" * 1_000_000)
    assert len(written.getvalue()) < LONGEST_MESSAGE + 200
    report("y" * 1_000_000)
    assert len(written.getvalue()) < LONGEST_MESSAGE + LONGEST_TRACEBACK + 400
