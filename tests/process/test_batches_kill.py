"""SIGKILL while a batch runs: it goes on by itself, no answered line is asked again, and each line is in its output once."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import openai
import pytest
from openai.types import Batch

from tests.live import Live
from tests.processes import wait_for

POINTS = 5
ROWS = 400
CHAT: Final = "/v1/chat/completions"
WRONG = 7
"""Every so many lines there is one that its model refuses."""


def line(number: int) -> bytes:
    body = {"model": "m", "messages": [{"role": "user", "content": f"{number}"}], "max_tokens": 8}
    if number % WRONG == 0:
        body["temperature"] = -1
    return json.dumps({"custom_id": f"row-{number}", "method": "POST", "url": CHAT, "body": body}).encode()


INPUT = b"\n".join(map(line, range(ROWS)))


class KilledBatch:
    """A server that is killed and started again while it carries out one batch."""

    def __init__(self, home: Path, moments: random.Random) -> None:
        self.home = home
        self.moments = moments
        self.server = Live(home)
        self.server.launched("m", model_type="LLM", tokens=8, tokens_per_second=200, slots=16)
        with self.client() as client:
            file = client.files.create(file=("input.jsonl", INPUT), purpose="batch")
            self.batch = client.batches.create(
                input_file_id=file.id, endpoint=CHAT, completion_window="24h", metadata={"a": "b"}
            )
        self.records: dict[int, bytes] = {}
        """Line → the journal's line of its answer, as some kill found it."""

    def client(self) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.server.url}/v1", api_key="none", max_retries=0)

    def journal(self) -> dict[int, bytes]:
        """The whole lines of the journal by their numbers; each number must stand there once."""
        path = self.home / "batches" / self.batch.id / "answers.jsonl"
        data = path.read_bytes() if path.exists() else b""
        found = [each for each in data.split(b"\n")[:-1] if each]
        lines = {int(each.split(b" ", 1)[0]): each for each in found}
        assert len(lines) == len(found), "a line was asked twice"
        return lines

    def kill(self) -> None:
        """Kill the server when a random number of further lines is answered, or earlier if the batch ends; start it again."""
        before = len(self.records)
        number = before + self.moments.randint(0, max(1, (ROWS - before) // 3))
        path = self.home / "batches" / self.batch.id / "answers.jsonl"

        def reached() -> bool:
            done = path.read_bytes().count(b"\n") if path.exists() else 0
            return done >= number or self.retrieved().status == "completed"

        wait_for(reached, seconds=120, pause=self.moments.random() / 50)
        self.server.kill()
        self.server.http.close()
        now = self.journal()
        if now:  # else it had ended, and its folder was removed
            assert self.records.items() <= now.items(), "what was written is there as it was"
            self.records = now
        self.server = Live(self.home)

    def retrieved(self) -> Batch:
        with self.client() as client:
            return client.batches.retrieve(self.batch.id)

    def end(self) -> None:
        """Wait for the end, and look whether everything is there once."""
        done = wait_for(lambda: found if (found := self.retrieved()).status == "completed" else None, 120, 0.05)
        assert done.request_counts is not None and done.metadata == {"a": "b"}
        wrong = [number for number in range(ROWS) if number % WRONG == 0]
        counts = done.request_counts
        assert (counts.total, counts.completed, counts.failed) == (ROWS, ROWS - len(wrong), len(wrong))
        with self.client() as client:
            output = client.files.content(str(done.output_file_id)).read().splitlines()
            errors = client.files.content(str(done.error_file_id)).read().splitlines()
            made = [file.filename for file in client.files.list() if file.purpose == "batch_output"]
        assert len(made) == len(set(made)), "each file was made once"
        assert [json.loads(each)["custom_id"] for each in output] == [f"row-{n}" for n in range(ROWS) if n % WRONG]
        assert [json.loads(each)["custom_id"] for each in errors] == [f"row-{n}" for n in wrong]
        answers = {int(json.loads(each)["custom_id"].removeprefix("row-")) + 1: each for each in (*output, *errors)}
        for number, record in self.records.items():
            assert record.endswith(b" " + answers[number]), (
                "an answer that was there before a kill is the one in the file"
            )
        wait_for(lambda: not (self.home / "batches" / self.batch.id).exists())
        assert self.server.http.get(f"/v1/jobs/{self.batch.id}").json()["state"] == "done"


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KilledBatch]:
    made = KilledBatch(tmp_path_factory.mktemp("kill") / "home", random.Random(18))
    yield made
    made.server.close()


@pytest.mark.parametrize("point", range(POINTS))
def test_sigkill_at_any_moment(killed: KilledBatch, point: int) -> None:
    killed.kill()


def test_each_line_is_in_the_output_once(killed: KilledBatch) -> None:
    killed.end()
    assert killed.server.stop() == 0
