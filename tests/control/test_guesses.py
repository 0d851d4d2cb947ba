"""How often passwords may be guessed: by address and by name, with a delay that grows, in bounded memory."""

from __future__ import annotations

import pytest

from modelyard.control import guesses
from modelyard.control.guesses import ADDRESS, NAME, Guesses
from modelyard.core.errors import RateLimited


class Clock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def wait(of: Guesses, address: str, name: str | None = None) -> int:
    """Seconds that the next attempt has to wait."""
    try:
        of.check(address, name)
    except RateLimited as error:
        assert error.retry_after is not None and f"try again in {error.retry_after} s" in error.message
        return error.retry_after
    return 0


def test_ten_failures_of_an_address_are_free_and_the_delay_grows(clock: Clock) -> None:
    of, waits = Guesses(clock), []
    for number in range(20):
        of.check("10.0.0.1", f"name-{number}")
        of.wrong("10.0.0.1", f"name-{number}")
        waits.append(wait(of, "10.0.0.1", "somebody"))
        clock.now += waits[-1]
    assert waits[:10] == [0] * 9 + [60]
    assert waits[9:] == sorted(waits[9:]) and len(set(waits[9:13])) == 4
    assert waits[-1] == ADDRESS.longest_wait
    assert wait(of, "10.0.0.2", "somebody") == 0


def test_a_name_is_bounded_across_all_addresses_and_whether_it_exists_or_not(clock: Clock) -> None:
    of, waits = Guesses(clock), []
    for number in range(45):
        of.wrong(f"10.0.{number}.1", "ann")
        waits.append(wait(of, "10.9.9.9", "ann"))
        clock.now += waits[-1]
    assert waits[:30] == [0] * 29 + [60] and waits[-1] == NAME.longest_wait
    of.wrong("10.1.0.1", "ann")
    assert wait(of, "10.9.9.9", "a\0nn") > 0, "the database leaves this character out"
    assert wait(of, "10.9.9.9", "bob") == 0


def test_nobody_locks_others_out_of_the_places_from_which_they_log_in(clock: Clock) -> None:
    of = Guesses(clock)
    of.right("10.0.0.1", "ann")
    for number in range(200):
        of.wrong(f"10.0.1.{number}", "ann")
    assert wait(of, "10.0.2.1", "ann") == NAME.longest_wait
    assert wait(of, "10.0.0.1", "ann") == 0
    for _ in range(10):
        of.wrong("10.0.0.1", "ann")
    assert wait(of, "10.0.0.1", "ann") == 60


def test_a_success_frees_no_guesses(clock: Clock) -> None:
    of = Guesses(clock)
    for _ in range(9):
        of.wrong("10.0.0.1", "ann")
        of.right("10.0.0.1", "mallory")
    of.wrong("10.0.0.1", "ann")
    assert wait(of, "10.0.0.1", "mallory") == 60


def test_failures_are_pardoned_one_by_one(clock: Clock) -> None:
    of = Guesses(clock)
    for _ in range(10):
        of.wrong("10.0.0.1")
    clock.now += 60
    assert wait(of, "10.0.0.1") == 0
    clock.now += 2 * ADDRESS.pardon
    of.wrong("10.0.0.1")
    assert wait(of, "10.0.0.1") == 0


def test_all_addresses_that_one_host_may_have_are_one(clock: Clock) -> None:
    of = Guesses(clock)
    for number in range(10):
        of.wrong(f"2001:db8:1:2::{number:x}")
        of.wrong("::ffff:10.0.0.1")
    assert wait(of, "2001:db8:1:2:ffff::1") == wait(of, "10.0.0.1") == 60
    assert wait(of, "2001:db8:1:3::1") == wait(of, "") == wait(of, "testclient") == 0


def test_a_flood_of_names_takes_no_more_memory_and_frees_no_name_under_attack(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guesses, "REMEMBERED", 50)
    of = Guesses(clock)
    for number in range(40):
        of.wrong(f"10.0.0.{number % 5}", "ann")
    for number in range(2000):
        of.wrong(f"10.{number // 250}.1.{number % 250}", f"nobody-{number}" * 100)
        of.right(f"10.{number // 250}.2.{number % 250}", f"somebody-{number}")
    assert len(of._failures) <= 50 and len(of._known) <= 50
    assert max(len(name) for _, name in of._failures) <= 32
    assert wait(of, "10.0.3.1", "ann") > 0
