"""Codex, the program from npm, offline against a real server whose model follows a script.

It reads a file, edits it, runs a command, meets one that fails, compacts a full context, and finishes; it asks a knowledge base.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.agent_environment import codex, lacks
from tests.dialects.conftest import Served
from tests.dialects.programs import ELSEWHERE, Workplace, connected
from tests.dialects.scripts import Json, ModelAnswer
from tests.knowledge.web_server import Reply

pytestmark = [
    pytest.mark.skipif(lacks() is not None, reason=f"needs another machine: {lacks()}"),
    pytest.mark.timeout(300),
]

USAGE = {"prompt_tokens": 9000, "completion_tokens": 20, "total_tokens": 9020}
FULL = {"prompt_tokens": 23000, "completion_tokens": 20, "total_tokens": 23020}
"""More than three quarters of the context, at which Codex compacts."""
OPTIONS = ("--strict-config", "--json", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox")
SETTINGS = 'check_for_update_on_startup = false\n\n[analytics]\nenabled = false\n\n[shell_environment_policy]\ninherit = "all"\n'
"""The person's own settings, which stay."""


def workplace(served: Served, folder: Path, model: str) -> Workplace:
    """A workplace of Codex with a file `notes.txt`."""
    settings = folder / "home" / ".codex" / "config.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text(SETTINGS, encoding="utf-8")
    place = connected(served.live.url, folder, "codex", "--model", model, "--context-length", ELSEWHERE)
    (place.folder / "notes.txt").write_text("alpha\n", encoding="utf-8")
    return place


def ask(place: Workplace, question: str, *options: str) -> list[Json]:
    """The events of Codex at work on a question."""
    done = place.run(*codex(), "exec", *OPTIONS, *options, question)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def items(events: list[Json], kind: str) -> list[Json]:
    """The finished items of a kind."""
    found = [event["item"] for event in events if event["type"] == "item.completed"]
    return [item for item in found if item["type"] == kind]


def called(usage: Json = USAGE, **arguments: Any) -> ModelAnswer:
    """An answer that runs a command, with the same id each time, as some servers have it."""
    return ModelAnswer(
        thought=["Now."], calls=[("exec_command", [json.dumps(arguments)])], finish="tool_calls", usage=usage
    )


def results(body: Json) -> list[str]:
    """The results of tools in a request."""
    return [message["content"] for message in body["messages"] if message["role"] == "tool"]


def test_it_reads_edits_runs_meets_a_failure_and_finishes(served: Served, tmp_path: Path) -> None:
    place = workplace(served, tmp_path, "claude-sonnet-5")
    steps = [
        called(cmd="cat notes.txt"),
        called(cmd="sed -i s/alpha/beta/ notes.txt"),
        called(cmd="cat notes.txt && exit 3"),
        ModelAnswer(calls=[("no_such_tool", ["{}"])], finish="tool_calls", usage=USAGE),
        called(cmd="wc -c notes.txt"),
    ]
    served.upstream.answer = lambda body: [*steps, ModelAnswer(text=["All ", "done."], usage=USAGE)][len(results(body))]
    events = ask(place, "Change alpha to beta in notes.txt, and count its characters.")
    assert [item["text"] for item in items(events, "agent_message")] == ["All done."], events
    assert (place.folder / "notes.txt").read_text(encoding="utf-8") == "beta\n"
    assert [item["exit_code"] for item in items(events, "command_execution")] == [0, 0, 3, 0]
    last = served.upstream.bodies[-1]
    read, _, failed, unknown, counted = results(last)
    assert (
        "alpha" in read
        and "exited with code 3" in failed
        and "unsupported call" in unknown
        and "5 notes.txt" in counted
    )
    ids = [call["id"] for message in last["messages"] for call in message.get("tool_calls", ())]
    assert len(set(ids)) == 5 and last["model"] == "script"
    names = {tool["function"]["name"] for tool in last["tools"]}
    assert "exec_command" in names and any(name.startswith("multi_agent_v1__") for name in names)
    usage = next(event["usage"] for event in events if event["type"] == "turn.completed")
    assert (usage["input_tokens"], usage["output_tokens"]) == (6 * 9000, 6 * 20)


PATCH = "*** Begin Patch\n*** Update File: notes.txt\n@@\n-alpha\n+beta\n*** End Patch\n"
SCRIPT = 'text(await tools.exec_command({cmd: "sed -i s/alpha/beta/ notes.txt; cat notes.txt"}));'


@pytest.mark.parametrize(
    ("model", "tool", "text"), [("gpt-5.5", "apply_patch", PATCH), ("gpt-6.2-sol", "exec", SCRIPT)]
)
def test_names_of_openai_models_bring_its_free_form_tools(
    served: Served, tmp_path: Path, model: str, tool: str, text: str
) -> None:
    """For models that it knows, Codex offers tools whose input is text: a patch, or a program that calls the others."""
    place = workplace(served, tmp_path, model)

    def answer(body: Json) -> ModelAnswer:
        if results(body):
            return ModelAnswer(text=["All done."], usage=USAGE)
        names = [each["function"]["name"] for each in body["tools"]]
        name = next(name for name in names if name == tool or name.endswith(f"__{tool}"))
        return ModelAnswer(calls=[(name, [json.dumps({"input": text})])], finish="tool_calls", usage=USAGE)

    served.upstream.answer = answer
    events = ask(place, "Change alpha to beta in notes.txt.")
    assert [item["text"] for item in items(events, "agent_message")] == ["All done."], events
    assert (place.folder / "notes.txt").read_text(encoding="utf-8") == "beta\n", results(served.upstream.bodies[-1])


def test_it_compacts_when_the_context_is_nearly_full(served: Served, tmp_path: Path) -> None:
    place = workplace(served, tmp_path, "script")

    def answer(body: Json) -> ModelAnswer:
        if "We have read notes.txt." in json.dumps(body["messages"]):
            return ModelAnswer(text=["All done."], usage=USAGE)
        if "CONTEXT CHECKPOINT COMPACTION" in json.dumps(body["messages"][-1]):
            return ModelAnswer(text=["We have read notes.txt."], usage=USAGE)
        return called(FULL, cmd="cat notes.txt")

    served.upstream.answer = answer
    events = ask(place, "Read notes.txt.")
    assert [item["text"] for item in items(events, "agent_message")] == ["All done."], events
    assert [len(results(body)) for body in served.upstream.bodies] == [0, 1, 0]


def test_a_refusal_of_a_conversation_is_understood(served: Served, tmp_path: Path) -> None:
    """A server elsewhere refuses the second request as too long, at which Codex ends its turn with a sentence of its own."""
    place = workplace(served, tmp_path, "script")
    sentence = "This model's maximum context length is 30000 tokens. However, your messages resulted in 31000 tokens."
    error = {
        "message": sentence,
        "type": "invalid_request_error",
        "code": "context_length_exceeded",
        "param": "messages",
    }
    served.upstream.answer = lambda body: (
        Reply.of({"error": error}, 400) if results(body) else called(cmd="cat notes.txt")
    )
    events = ask(place, "Read notes.txt.")
    assert "ran out of room in the model's context window" in events[-1]["error"]["message"], events
    assert len(served.upstream.bodies) == 2


def test_it_asks_a_knowledge_base(served: Served, tmp_path: Path) -> None:
    place = workplace(served, tmp_path, "kb:handbook")
    served.upstream.answer = lambda body: ModelAnswer(text=["It delivers 12 litres per minute. [1]"])
    events = ask(place, "How many litres does the MX-2140 pump deliver?")
    assert [item["text"] for item in items(events, "agent_message")] == ["It delivers 12 litres per minute. [1]"], (
        events
    )
    assert "MX-2140 pump delivers 12 litres" in json.dumps(served.upstream.bodies[-1])


def test_a_model_without_tools_and_a_context_that_is_too_small_are_one_sentence(served: Served, tmp_path: Path) -> None:
    place = workplace(served, tmp_path, "script")
    mute, small = (ask(place, "Hello", "--model", uid)[-1]["error"]["message"] for uid in ("demo", "small"))
    assert "'tools' is not supported by model 'demo'" in mute
    assert "maximum context length is 2048 tokens, and the request has " in small


@pytest.mark.parametrize("provider", ["ollama", "lmstudio"])
def test_its_mode_for_open_models_finds_the_server_as_ollama_and_as_lm_studio(
    served: Served, tmp_path: Path, provider: str
) -> None:
    argv = [*codex(), "exec", *OPTIONS, "--oss", "--local-provider", provider, "--model", "script", "Hello"]
    done = Workplace(tmp_path, tmp_path).run(*argv, CODEX_OSS_BASE_URL=f"{served.live.url}/v1")
    assert '"text":"ok"' in done.stdout, done.stdout + done.stderr
