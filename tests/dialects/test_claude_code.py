"""Claude Code, the program from npm, offline against a real server whose model follows a script.

It reads a file, edits it, runs a command, meets one that fails, runs another, and finishes; once it asks a knowledge base.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.agent_environment import claude_code, lacks
from tests.dialects.conftest import Served
from tests.dialects.programs import ELSEWHERE, connected
from tests.dialects.scripts import Json, ModelAnswer
from tests.knowledge.web_server import Reply

pytestmark = [
    pytest.mark.skipif(lacks() is not None, reason=f"needs another machine: {lacks()}"),
    pytest.mark.timeout(300),
]

USAGE = {"prompt_tokens": 6000, "completion_tokens": 20}


def ask(served: Served, folder: Path, model: str, question: str) -> Json:
    """Run Claude Code with one question, as `modelyard connect` configures it; returns what it prints at its end."""
    place = connected(served.live.url, folder, "claude", "--model", model, "--context-length", ELSEWHERE)
    tools = ["--allowedTools", "Read,Edit,Bash", "--max-turns", "12", "--output-format", "json"]
    quiet = {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1"}
    done = place.run(*claude_code(), "-p", question, *tools, **quiet)
    assert done.stdout.startswith("{"), done.stdout + done.stderr
    found: Json = json.loads(done.stdout)
    return found


def called(name: str, **arguments: Any) -> ModelAnswer:
    """An answer that calls a tool, with the same id each time, as some servers have it."""
    return ModelAnswer(text=["I do."], calls=[(name, [json.dumps(arguments)])], finish="tool_calls", usage=USAGE)


def test_it_reads_edits_runs_meets_a_failure_and_finishes(served: Served, tmp_path: Path) -> None:
    notes = tmp_path / "work" / "notes.txt"
    notes.parent.mkdir()
    notes.write_text("alpha\n", encoding="utf-8")
    steps = [
        called("Read", file_path=str(notes)),
        called("Edit", file_path=str(notes), old_string="alpha", new_string="beta"),
        called("Bash", command="cat notes.txt && false", description="show it, and fail"),
        called("Bash", command="wc -c notes.txt", description="count"),
    ]

    def answer(body: Json) -> ModelAnswer:
        done = sum(message["role"] == "tool" for message in body["messages"])
        return steps[done] if done < len(steps) else ModelAnswer(text=["All ", "done."], usage=USAGE)

    served.upstream.answer = answer
    found = ask(served, tmp_path, "claude-sonnet-5", "Change alpha to beta in notes.txt, and count its characters.")
    assert (found["is_error"], found["result"], found["num_turns"]) == (False, "All done.", 5), found
    assert notes.read_text(encoding="utf-8") == "beta\n"
    last = served.upstream.bodies[-1]
    results = [message["content"] for message in last["messages"] if message["role"] == "tool"]
    assert "alpha" in results[0] and results[2].startswith("Error: ") and "5 notes.txt" in results[3]
    ids = [call["id"] for message in last["messages"] for call in message.get("tool_calls", ())]
    assert len(set(ids)) == 4
    assert last["messages"][0]["role"] == "system" and "billing" not in last["messages"][0]["content"][:100]
    assert found["usage"]["output_tokens"] == 100 and last["model"] == "script"


def test_it_compacts_when_the_context_is_full(served: Served, tmp_path: Path) -> None:
    """A server elsewhere refuses the third request as too long; the program asks for a summary and goes on with it."""
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "notes.txt").write_text("alpha\n" * 2000, encoding="utf-8")
    sentence = "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens."
    error = {
        "message": sentence,
        "type": "invalid_request_error",
        "code": "context_length_exceeded",
        "param": "messages",
    }
    refusals = [Reply.of({"error": error}, 400)]

    def answer(body: Json) -> ModelAnswer | Reply:
        everything, last = json.dumps(body["messages"]), body["messages"][-1]
        if "We have read notes.txt." in everything:
            return ModelAnswer(text=["All done."])
        if last["role"] == "user" and "<summary>" in json.dumps(last):
            return ModelAnswer(text=["<summary>We have read notes.txt.</summary>"], usage=USAGE)
        if sum(message["role"] == "tool" for message in body["messages"]) < 2:
            return called("Bash", command="cat notes.txt", description="read it")
        return refusals.pop()

    served.upstream.answer = answer
    found = ask(served, tmp_path, "script", "Read notes.txt twice.")
    assert (found["is_error"], found["result"], refusals) == (False, "All done.", []), found


def test_it_asks_a_knowledge_base(served: Served, tmp_path: Path) -> None:
    served.upstream.answer = lambda body: ModelAnswer(text=["It delivers 12 litres per minute. [1]"])
    found = ask(served, tmp_path, "kb:handbook", "How many litres does the MX-2140 pump deliver?")
    assert (found["is_error"], found["result"]) == (False, "It delivers 12 litres per minute. [1]"), found


def test_a_model_without_tools_and_a_context_that_is_too_small_are_one_sentence(served: Served, tmp_path: Path) -> None:
    place = connected(served.live.url, tmp_path, "claude", "--model", "script", "--context-length", ELSEWHERE)
    argv = [*claude_code(), "-p", "Hello", "--output-format", "json"]
    mute, small = (json.loads(place.run(*argv, "--model", uid).stdout) for uid in ("demo", "small"))
    assert mute["is_error"] and "'tools' is not supported by model 'demo'" in mute["result"], mute
    assert small["is_error"], small
    assert re.match(r"Prompt is too long · the request is ~\d+ tokens \(limit 2048\)", small["result"]), small
