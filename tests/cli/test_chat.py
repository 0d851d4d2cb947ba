"""`modelyard chat` and `generate`: one question, pipes, and the conversation at a terminal."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Printed
from tests.cli.terminal import Terminal, run
from tests.client.stub import Endless, Stub, StubRequest, Write, error_answer, event, json_answer, model, sse_answer

CHAT = "POST /v1/chat/completions"


@pytest.fixture
def server(stub: Stub) -> Stub:
    """A server with one chat model that repeats the last message, word by word."""

    def echo(request: StubRequest, write: Write) -> None:
        words = f"you said {request.body['messages'][-1]['content']}".split(" ")
        sse_answer(*(event(word + " ") for word in words), b"data: [DONE]\n\n")(request, write)

    use(stub, model("m"))
    stub.routes[CHAT] = echo
    return stub


def use(stub: Stub, *models: dict[str, Any]) -> None:
    stub.routes["GET /v1/models"] = json_answer({"object": "list", "data": models})
    for each in models:
        stub.routes[f"GET /v1/models/{each['id']}"] = json_answer(each)


def test_one_question_prints_the_answer(server: Stub) -> None:
    options = ("--system", "Be brief.", "--max-tokens", "9", "--temperature", "0", "--no-think")
    done = run("chat", "m", "-p", "你好 🌲", *options, "-e", server.url)
    assert (done.returncode, done.stdout, done.stderr) == (0, "you said 你好 🌲 \n", "")
    assert server.last().body == {
        "model": "m",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "你好 🌲"}],
        "max_tokens": 9,
        "temperature": 0.0,
        "enable_thinking": False,
        "stream": True,
    }


def test_every_line_of_a_pipe_is_a_question_of_one_conversation(server: Stub) -> None:
    done = run("chat", "-e", server.url, text="one\n\n/two\n")
    assert done.stdout == "you said one \nyou said /two \n"
    assert [turn["content"] for turn in server.last().body["messages"]] == ["one", "you said one ", "/two"]


def test_the_only_chat_model_is_found_and_several_are_refused(stub: Stub) -> None:
    use(stub)
    none = run("chat", "-p", "x", "-e", stub.url)
    assert (none.returncode, none.stderr) == (
        1,
        "Error: No chat model is running; start one with `modelyard launch demo`.\n",
    )
    use(stub, model("a"), model("b"), model("e", model_type="embedding", model_ability=["embed"]))
    assert run("chat", "-p", "x", "-e", stub.url).stderr == (
        "Error: 2 chat models run: a, b. Name one: `modelyard chat a`.\n"
    )
    use(stub, model("a"), model("copy", alias_of="a"))
    stub.routes["POST /v1/chat/completions"] = json_answer({"choices": [{"message": {"content": "yes"}}]})
    assert run("chat", "-p", "x", "--stream", "False", "-e", stub.url).stdout == "yes\n"
    use(stub, model("e", model_type="embedding", model_ability=["embed"]))
    assert "is a model of type embedding" in run("chat", "e", "-p", "x", "-e", stub.url).stderr
    use(stub, model("base", model_ability=["generate"]))
    assert "use `modelyard generate base`" in run("chat", "base", "-p", "x", "-e", stub.url).stderr
    stub.routes["GET /v1/models/x"] = error_answer("model_not_found", "Model 'x' not found. Did you mean 'a'?", 404)
    done = run("chat", "x", "-p", "x", "-e", stub.url)
    assert (done.returncode, done.stderr) == (1, "Error: Model 'x' not found. Did you mean 'a'?\n")


@pytest.mark.parametrize("command", ["chat", "generate"])
def test_a_single_word_that_no_model_is_called_may_be_a_text(
    server: Stub, call: Callable[..., Printed], command: str
) -> None:
    server.routes["GET /v1/models/Once"] = error_answer("model_not_found", "Model 'Once' not found.", 404)
    lone = call(command, "Once").err
    assert lone == "Error: Model 'Once' not found. The first word is a model's uid; `-p Once` is a text.\n"
    assert "-p" not in call(command, "Once", "upon", "a", "time").err


def test_a_text_of_several_words_needs_no_quotes(server: Stub) -> None:
    assert run("chat", "m", "how", "are", "you", "-e", server.url).stdout == "you said how are you \n"


def test_an_error_in_the_middle_of_an_answer_keeps_what_came(server: Stub) -> None:
    server.routes[CHAT] = sse_answer(event("begun"), b'data: {"error": {"message": "The engine died."}}\n\n')
    done = run("chat", "-p", "x", "-e", server.url)
    assert (done.returncode, done.stdout, done.stderr) == (1, "begun\n", "Error: The engine died.\n")


def test_generate_continues_a_text(server: Stub) -> None:
    chunks = [f'data: {{"choices": [{{"text": "{text}"}}]}}\n\n'.encode() for text in ("Once", " upon")]
    server.routes["POST /v1/completions"] = sse_answer(*chunks)
    done = run("generate", "--max-tokens", "5", "--stop", ".", "-e", server.url, text="A tale:")
    assert done.stdout == "Once upon\n"
    body = {"model": "m", "prompt": "A tale:", "max_tokens": 5, "stop": ["."], "stream": True}
    assert server.last().body == body


def test_a_terminal_has_history_and_slash_commands(server: Stub, tmp_path: Path) -> None:
    saved = tmp_path / "talk.json"
    with Terminal("chat", "-e", server.url) as terminal:
        terminal.expect("Chatting with m.")
        terminal.expect("> ")
        terminal.type("你好\r")
        terminal.expect("you said 你好")
        terminal.expect("> ")
        terminal.type("你好吗\x7f\x7f们\r")  # two backspaces take back two characters, not two bytes
        terminal.expect("you said 你们")
        terminal.expect("> ")
        terminal.type("\x1b[A\r")  # arrow up: the line before
        terminal.expect("you said 你们")
        terminal.expect("> ")
        terminal.type("/system 说中文\r")
        terminal.expect("message is set")
        terminal.type(f"/save {saved}\r")
        terminal.expect("Saved 6 messages")
        terminal.type("/clera\r")
        terminal.expect("did you mean /clear?")
        terminal.type("/clear\r")
        terminal.expect("Forgotten.")
        terminal.type("again\r")
        terminal.expect("you said again")
        terminal.expect("> ")
        terminal.type("\x04")
        assert terminal.wait() == 0
    assert [turn["content"] for turn in server.last().body["messages"]] == ["说中文", "again"]
    assert [turn["role"] for turn in json.loads(saved.read_text())[:3]] == ["system", "user", "assistant"]


def test_ctrl_c_stops_the_answer_and_the_generation(server: Stub) -> None:
    echo, endless = server.routes[CHAT], Endless()
    server.routes[CHAT] = endless
    with Terminal("chat", "m", "-e", server.url) as terminal:
        terminal.expect("> ")
        terminal.type("go on\r")
        terminal.expect("tick tick")
        terminal.interrupt()
        terminal.expect("(stopped)")
        assert endless.left.wait(20)
        server.routes[CHAT] = echo
        terminal.expect("> ")
        terminal.type("and now\r")
        terminal.expect("you said and now")
        terminal.expect("> ")
        terminal.type("half a line")
        terminal.expect("half a line")
        terminal.interrupt()
        terminal.expect("Ctrl-C again leaves.")
        terminal.expect("> ")
        terminal.interrupt()
        assert terminal.wait() == 0
    kept = server.last().body["messages"]
    assert [turn["role"] for turn in kept] == ["user", "assistant", "user"]


def test_an_error_does_not_end_the_conversation(server: Stub) -> None:
    echo = server.routes[CHAT]
    server.routes[CHAT] = error_answer("model_not_ready", "Model 'm' is loading.", 503)
    with Terminal("chat", "m", "-e", server.url) as terminal:
        terminal.expect("> ")
        terminal.type("one\r")
        terminal.expect("Model 'm' is loading.")
        server.routes[CHAT] = echo
        terminal.expect("> ")
        terminal.type("two\r")
        terminal.expect("you said two")
        terminal.type("/exit\r")
        assert terminal.wait() == 0
    assert [turn["content"] for turn in server.last().body["messages"]] == ["two"]


def test_thoughts_are_for_terminals_only(server: Stub) -> None:
    thought = b'data: {"choices": [{"delta": {"reasoning_content": "hmm"}}]}\n\n'
    server.routes[CHAT] = sse_answer(thought, event("Yes"))
    assert run("chat", "-p", "x", "-e", server.url).stdout == "Yes\n"
    with Terminal("chat", "-p", "x", "-e", server.url) as terminal:
        terminal.expect("hmm")
        terminal.expect("Yes")
        assert terminal.wait() == 0
