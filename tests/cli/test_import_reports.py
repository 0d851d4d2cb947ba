"""What `kb import-chatchat` prints, which exit code it ends with, and conversations that the server refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from modelyard.cli.kb_add import UploadPlan
from modelyard.cli.kb_import import ImportOutcome, _code, _import_portion
from modelyard.cli.kb_import_plan import BaseImport
from modelyard.cli.kb_import_report import print_base, print_outcome, print_plan, summary
from modelyard.client import Client
from modelyard.compat.chatchat.stored_data import ChatchatBase, ChatchatData
from modelyard.core.errors import ConnectionLost
from tests.cli.test_reports import cells, job
from tests.client.stub import Stub, error_answer, json_answer, raw_answer


def base_import(name: str = "b", source: dict[str, Any] | None = None, **fields: Any) -> BaseImport:
    """One base of an import."""
    return BaseImport(source=ChatchatBase(name, **(source or {})), name=name, **fields)


def data(**fields: Any) -> ChatchatData:
    empty: dict[str, Any] = {"database": None, "bases": [], "conversations": [], "problems": []}
    return ChatchatData(folder=Path("/c"), **{**empty, **fields})


CONVERSATIONS = {"new": 1, "messages": 2, "unchanged": 0}


def test_the_outcome_of_an_import_counts_what_came(capsys: pytest.CaptureFixture[str]) -> None:
    whole = base_import(plan=UploadPlan(new=["a", "b"], changed=["c"], unchanged=4))
    refused = base_import("r", plan=UploadPlan(refused={"x": "too large"}), source={"missing": ["m"]})
    failed = base_import("f", failed="no memory", source={"files": {"1": Path("1"), "2": Path("2")}})
    talk = "1 new conversations with 2 new messages"
    for imports, failures, printed in (
        ([], [], (f"0 of 0 bases: 0 new files, 0 changed, 0 unchanged, {talk}\n", "")),
        ([whole], [], (f"1 of 1 bases: 2 new files, 1 changed, 4 unchanged, {talk}\n", "")),
        ([failed], ["oh\x07"], (f"0 of 1 bases: 0 new files, 0 changed, 0 unchanged, 2 failed, {talk}\n", "oh\n")),
        (
            [whole, refused, failed],
            [],
            (f"2 of 3 bases: 2 new files, 1 changed, 4 unchanged, 1 missing, 3 failed, {talk}\n", ""),
        ),
    ):
        print_outcome(imports, CONVERSATIONS, failures)
        assert capsys.readouterr() == printed
    print_outcome([], {**CONVERSATIONS, "unchanged": 3}, [])
    assert capsys.readouterr().out.endswith("2 new messages, 3 here already\n")


def test_remarks_of_a_base_name_its_files(capsys: pytest.CaptureFixture[str]) -> None:
    many = [f"{number}.txt" for number in range(22)]
    remarked = base_import(
        remarks=["another model"],
        unread=["u.exe"],
        plan=UploadPlan(new=["n"], refused={"x\x07": "too large"}),
        model="e",
        source={"missing": many, "edited": ["e.md"]},
    )
    print_base(remarked)
    out, err = capsys.readouterr()
    assert out == "b (made, searched with e): 1 new, 0 changed, 0 unchanged\n"
    lines = err.splitlines()
    assert lines[0] == "b: another model"
    assert lines[1].startswith("b: 22 in the database, and not in the folder: 0.txt, ") and lines[1].endswith(
        "19.txt and 2 more"
    )
    assert lines[2] == "b: 1 of unsupported formats: u.exe"
    assert lines[3].startswith("b: 1 with chunks edited in Chatchat") and lines[3].endswith(": e.md")
    assert lines[4:] == ["b: x: too large"]
    print_base(base_import(exists=True))
    assert capsys.readouterr() == ("b (here already, searched by words alone): 0 new, 0 changed, 0 unchanged\n", "")
    print_base(base_import(failed="no memory", remarks=["r"]))
    assert capsys.readouterr() == ("", "b: no memory\n")


def test_a_plan_of_an_import_is_a_table(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x" * 2048)
    planned = base_import(plan=UploadPlan(send={"f": tmp_path / "f"}, new=["f"], unchanged=2))
    print_plan(data(problems=["no folder"]), [planned], CONVERSATIONS)
    out, err = capsys.readouterr()
    first, *table, last = out.splitlines()
    assert first == "Langchain-Chatchat's bases in /c" and last == "1 new conversations with 2 new messages"
    assert cells(table[1]) == ["b", "1", "0", "2", "2 KB", "- (words alone)"]
    assert err.splitlines() == [
        "There is no info.db, so there are no conversations and no descriptions.",
        "no folder",
        "This was a dry run; nothing was changed.",
    ]
    print_plan(data(database=Path("/c/info.db")), [], CONVERSATIONS)
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 2 and err == "This was a dry run; nothing was changed.\n"


def test_the_summary_of_an_import_has_its_folders() -> None:
    view = summary(data(), [base_import(model="e")], CONVERSATIONS, ["f"], [], True)
    assert (view["folder"], view["database"], view["dry_run"], view["failed"]) == ("/c", None, True, ["f"])
    assert view["bases"][0]["embedding_model"] == "e" and view["bases"][0]["name"] == "b"
    assert summary(data(database=Path("/d")), [], CONVERSATIONS, [], [], False)["database"] == "/d"


@pytest.mark.parametrize(
    ("source", "imports", "outcome", "code"),
    [
        (data(), [base_import()], ImportOutcome(), 0),
        (data(problems=["p"]), [], ImportOutcome(), 1),
        (data(), [], ImportOutcome(failed=["f"]), 1),
        (data(), [base_import(), base_import(failed="f")], ImportOutcome(), 1),
        (data(), [base_import(plan=UploadPlan(refused={"x": "y"}))], ImportOutcome(), 1),
        (data(), [], ImportOutcome(views=[job(), job("failed")]), 1),  # type: ignore[list-item]
        (data(), [], ImportOutcome(views=[job()]), 0),  # type: ignore[list-item]
        (data(problems=["p"]), [], ImportOutcome(interrupted=True), 130),
    ],
)
def test_the_exit_code_of_an_import_says_whether_all_came(
    source: ChatchatData, imports: list[BaseImport], outcome: ImportOutcome, code: int
) -> None:
    assert _code(source, imports, outcome) == code


def test_conversations_that_are_refused_are_sent_one_by_one(stub: Stub) -> None:
    def answer(request: Any, write: Any) -> None:
        titles = [each["title"] for each in request.body["conversations"]]
        if "bad" in titles:
            error_answer("invalid_parameter", "No bad.", 400)(request, write)
        else:
            json_answer({"conversations": len(titles), "messages": 2, "skipped": 1})(request, write)

    stub.routes["POST /v1/chats/import"] = answer
    outcome = ImportOutcome()
    portion: Any = [{"id": title, "title": title, "messages": []} for title in ("one", "bad", "two")]
    with Client(stub.url) as client:
        _import_portion(client, portion, outcome)
        assert outcome.failed == ["Conversation 'bad': No bad."]
        assert outcome.conversations == {"new": 2, "messages": 4, "unchanged": 2}
        stub.routes["POST /v1/chats/import"] = raw_answer(b"")
        with pytest.raises(ConnectionLost):
            _import_portion(client, portion, outcome)
