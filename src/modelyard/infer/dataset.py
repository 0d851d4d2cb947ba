"""Answers the questions of a data set and writes the results to a file. Bad rows are recorded; a run can be continued.

Rows have ms-swift's format: `query`, `response` (the expected answer), `history`, `system`, `images`; or OpenAI's
`messages`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from modelyard.core.errors import BadRequest, ModelyardError, ServerUnreachable
from modelyard.core.wording import reason
from modelyard.infer.remote import CONCURRENCY, InferClient
from modelyard.infer.requests import AdapterRequest, InferRequest, RequestConfig
from modelyard.infer.stats import InferStats

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class DatasetQuestion:
    """One row, numbered from 0 over all files, or its error."""

    number: int
    row: Row
    problem: str = ""


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """The outcome of a run."""

    answered: int
    failed: int
    kept: int
    """Number of rows that an earlier run answered."""


def questions(files: Sequence[str], sample: int | None = None) -> list[DatasetQuestion]:
    """The rows of `.jsonl` or `.json` files, the first `sample` of them. Raises `BadRequest` for an unreadable file."""
    found: list[DatasetQuestion] = []
    for file in files:
        for row in _rows(Path(file).expanduser()):
            found.append(_question(len(found), row))
    return found[:sample] if sample is not None and sample >= 0 else found


def run(
    client: InferClient,
    questions: Sequence[DatasetQuestion],
    result: Path,
    config: RequestConfig,
    *,
    adapter: AdapterRequest | None = None,
    stats: InferStats | None = None,
    tick: Callable[[], None] = lambda: None,
    concurrency: int = CONCURRENCY,
) -> RunOutcome:
    """Answer the questions that have no answer in `result` yet, and append each answer when it arrives.

    After Ctrl-C the same call continues the run. Raises `ServerUnreachable` if the server does not answer.
    """
    done = _answered(result, questions)
    left = [question for question in questions if question.number not in done]
    failed = 0
    result.parent.mkdir(parents=True, exist_ok=True)
    _mend(result)
    with result.open("a", encoding="utf-8") as file, ThreadPoolExecutor(concurrency) as pool:
        futures = [pool.submit(_answer, client, question, config, adapter, stats) for question in left]
        try:
            for future in as_completed(futures):
                record = future.result()
                failed += "error" in record
                _write(file, record)
                tick()
        finally:
            for future in futures:
                future.cancel()
    return RunOutcome(len(left) - failed, failed, len(done))


def _answered(result: Path, questions: Sequence[DatasetQuestion]) -> set[int]:
    """The row numbers in a file of results. Raises `BadRequest` if the file belongs to other questions."""
    found: set[int] = set()
    by_number = {question.number: question for question in questions}
    for record in _records(result):
        number = record.get("index")
        question = by_number.get(number) if isinstance(number, int) else None
        if question is None or record.get("query") != question.row.get("query"):
            raise BadRequest(f"{result} has answers to other questions; name another --result_path, or delete it.")
        if "error" not in record:
            found.add(question.number)
    return found


def _rows(path: Path) -> Iterator[Any]:
    """Yield every row; for a row that is not JSON, its error."""
    if not path.exists():
        raise BadRequest(
            f"There is no file '{path}'. Questions are read from .jsonl and .json files, not from ms-swift's named datasets."
        )
    try:
        text = path.read_text(encoding="utf-8-sig")
        rows = json.loads(text) if path.suffix == ".json" else None
    except (OSError, ValueError) as error:
        raise BadRequest(f"'{path}' cannot be read: {reason(error)}.") from None
    if path.suffix == ".json":
        if not isinstance(rows, list):
            raise BadRequest(
                f"'{path}' is no JSON list; questions are a list of objects, or one object a line in a .jsonl file."
            )
        yield from rows
        return
    for line in text.splitlines():
        if line.strip():
            try:
                yield json.loads(line)
            except ValueError as error:
                yield error


def _question(number: int, row: Any) -> DatasetQuestion:
    if not isinstance(row, dict):
        return DatasetQuestion(number, {}, f"it is no JSON object: {row}")
    messages = row.get("messages")
    if isinstance(messages, list) and "query" not in row:
        return _of_messages(number, row, messages)
    if not isinstance(row.get("query"), str):
        return DatasetQuestion(number, row, "it has neither 'query' nor 'messages'")
    return DatasetQuestion(number, row)


def _of_messages(number: int, row: Row, messages: list[Any]) -> DatasetQuestion:
    """A row with messages; the final message of an assistant is the expected answer."""
    rest = list(messages) if all(isinstance(message, dict) for message in messages) else []
    label = rest.pop().get("content") if rest and rest[-1].get("role") == "assistant" else None
    if not rest or len(rest) < len(messages) - 1:
        return DatasetQuestion(number, row, "its messages are not a conversation")
    return DatasetQuestion(number, {**row, "messages": rest, "response": label, "query": str(rest[-1].get("content"))})


def request_of(row: Row) -> InferRequest:
    """The conversation of a row, as a request."""
    if row.get("messages"):
        return InferRequest(row["messages"], images=row.get("images") or ())
    messages = [{"role": "system", "content": row["system"]}] if row.get("system") else []
    for question, answer in row.get("history") or ():
        messages += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return InferRequest([*messages, {"role": "user", "content": row["query"]}], images=row.get("images") or ())


def _answer(
    client: InferClient,
    question: DatasetQuestion,
    config: RequestConfig,
    adapter: AdapterRequest | None,
    stats: InferStats | None,
) -> Row:
    row = question.row
    record: Row = {"index": question.number, "system": row.get("system"), "query": row.get("query")}
    try:
        if question.problem:
            raise BadRequest(question.problem)
        found = client.infer([request_of(row)], config, [stats] if stats else None, adapter_request=adapter)
        text = found[0].choices[0].message.content or ""
    except ServerUnreachable:
        raise
    except (ModelyardError, TypeError, ValueError) as error:
        return {**record, "label": row.get("response"), "error": str(error)}
    history = [[*pair] for pair in row.get("history") or ()]
    record |= {"response": text, "label": row.get("response"), "history": [*history, [row.get("query"), text]]}
    return {**record, "images": list(row["images"])} if row.get("images") else record


def _write(file: IO[str], record: Row) -> None:
    """Write one complete line, so that a crash damages only the last one."""
    file.write(json.dumps(record, ensure_ascii=False) + "\n")
    file.flush()


def _records(result: Path) -> Iterator[Row]:
    if not result.is_file():
        return
    for line in result.read_text(encoding="utf-8").splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue  # cut off by a crash; this row is asked again
        if isinstance(record, dict):
            yield record


def _mend(result: Path) -> None:
    """Add a line break if a crash cut off the last line."""
    if result.is_file() and (data := result.read_bytes()) and not data.endswith(b"\n"):
        with result.open("ab") as file:
            file.write(b"\n")
