"""The chat at a terminal: line editing, slash commands, and Ctrl-C."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from modelyard.cli.conversation import ChatSession
from modelyard.cli.output import note
from modelyard.core.errors import ModelyardError
from modelyard.core.nearest import nearest
from modelyard.core.wording import clean, reason

HELP = """\
/system TEXT   set the system message; without TEXT, remove it
/clear         forget the conversation
/save FILE     write the conversation (.json, else Markdown)
/help          show this
/exit          exit; so do /bye, exit, Ctrl-D, and Ctrl-C twice
Ctrl-C         stop the answer"""
COMMANDS = ("/system", "/clear", "/save", "/help", "/exit", "/quit", "/bye")
LEAVING = ("/exit", "/quit", "/bye", "exit", "quit")
"""Lines that end the chat: ours, Ollama's, and those of ms-swift and shells."""


def run(conversation: ChatSession) -> None:
    """Read questions and print answers until the user exits."""
    with suppress(ImportError):  # some Python builds lack it; then there is no line editing
        import readline  # noqa: F401 - gives input() editing, history and characters wider than a byte

    note(f"Chatting with {conversation.model.uid}. /help lists the commands; Ctrl-D exits.", dim=True)
    leaving = False
    while True:
        try:
            line = clean(input("> ")).strip()
        except EOFError:
            note("")
            return
        except KeyboardInterrupt:
            note("")
            if leaving:
                return
            leaving = True
            note("Ctrl-C again leaves.", dim=True)
            continue
        leaving = False
        if line in LEAVING:
            return
        if line.startswith("/"):
            run_slash_line(conversation, line)
        elif line:
            _answer(conversation, line)


def run_slash_line(conversation: ChatSession, line: str) -> None:
    """Run a slash command."""
    name, _, rest = line.partition(" ")
    rest = rest.strip()
    if name == "/help":
        note(HELP)
    elif name == "/clear":
        conversation.turns.clear()
        note("Forgotten.", dim=True)
    elif name == "/system":
        conversation.system = rest or None
        note("The system message is set." if rest else "No system message.", dim=True)
    elif name == "/save" and rest:
        try:
            conversation.save(Path(rest).expanduser())
            note(f"Saved {len(conversation.turns)} messages to {rest}.", dim=True)
        except OSError as error:
            note(f"Cannot write {rest}: {reason(error)}.", fg="red")
    elif name == "/save":
        note("No file name: /save FILE", fg="red")
    else:
        near = nearest(name, COMMANDS)
        note(f"There is no {name}; {f'did you mean {near}?' if near else '/help lists the commands.'}", fg="red")


def _answer(conversation: ChatSession, question: str) -> None:
    try:
        reason = conversation.ask(question)
    except KeyboardInterrupt:
        note("(stopped)", dim=True)
    except ModelyardError as error:
        note(error.message, fg="red")
    else:
        if reason == "length":
            note("(cut off: the answer reached its maximum length)", dim=True)
