"""A small run of the fuzz; `python -m tests.fuzz` is the whole one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.dialects import fuzz_dialects
from tests.fuzz.requests import Maker
from tests.fuzz.run import fuzz
from tests.fuzz.sending import judged

DOCUMENT = {"paths": {"/v1/models/{uid}": {"get": {"parameters": [{"name": "uid", "in": "path"}]}}}}


@pytest.mark.parametrize("keys", [False, True], ids=["without keys", "with keys"])
def test_made_up_requests_get_no_server_error(tmp_path: Path, keys: bool) -> None:
    result = fuzz(tmp_path, 150, 7, keys=keys)
    assert not result.lost
    assert not result.faults(), {kind: found[0].made.content[:500] for kind, found in result.faults().items()}
    statuses = {each.status for each in result.answers}
    assert 200 in statuses and len(statuses) > 4, "requests reach more than refusals"


def test_a_number_makes_the_same_request_again() -> None:
    first, second = (Maker(DOCUMENT, 3, None) for _ in range(2))
    assert [first.request(number) for number in range(50)] == [second.request(number) for number in range(50)]


def test_what_counts_as_a_finding() -> None:
    made = Maker(DOCUMENT, 3, None).request(1)

    def fault(status: str, body: str = "") -> str:
        return judged(made, f"HTTP/1.1 {status} X\r\n\r\n{body}".encode()).fault

    assert fault("500", "Internal Server Error") == "status 500"
    assert fault("503", "busy") == "status 503 without a code and a sentence"
    assert fault("503", '{"error": {"code": "busy", "message": "All replicas are busy."}}') == ""
    assert fault("404") == ""


def test_made_up_requests_to_the_paths_of_other_vendors(tmp_path: Path) -> None:
    found = fuzz_dialects(tmp_path, 300, 20)
    assert not found.faults, "\n".join(found.faults)
    assert not found.tracebacks and found.requests == 300
    assert {200, 400, 404} <= {status for each in found.statuses.values() for status in each}
