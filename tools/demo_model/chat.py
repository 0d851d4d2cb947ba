# Owns the ChatML shape: conversations, special tokens, the template, and which parts of a rendered text are learnt.
from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Role = Literal["system", "user", "assistant"]

END_OF_TEXT = "<|endoftext|>"
TURN_START = "<|im_start|>"
TURN_END = "<|im_end|>"
SPECIAL_TOKENS = (END_OF_TEXT, TURN_START, TURN_END)

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


@dataclass(frozen=True)
class Message:
    role: Role
    content: str


@dataclass(frozen=True)
class Sample:
    """A chat (messages) or a piece of plain text (text); exactly one of the two is filled."""

    messages: tuple[Message, ...] = ()
    text: str = ""


@dataclass(frozen=True)
class Segment:
    text: str
    weight: float


def chat(*turns: str, system: str = "") -> Sample:
    """User and assistant in turn, after an optional system message."""
    head = (Message("system", system),) if system else ()
    roles: tuple[Role, Role] = ("user", "assistant")
    return Sample((*head, *(Message(roles[i % 2], turn) for i, turn in enumerate(turns))))


def segments(sample: Sample) -> list[Segment]:
    """The sample as text pieces with their loss weights; pieces meet only where the tokenizer splits anyway."""
    if sample.text:
        return [Segment(END_OF_TEXT, 0.0), Segment(sample.text, 0.3), Segment(END_OF_TEXT, 0.3)]
    pieces = []
    for message in sample.messages:
        header = f"{TURN_START}{message.role}\n"
        if message.role == "assistant":
            pieces += [Segment(header, 0.0), Segment(message.content + TURN_END, 1.0), Segment("\n", 0.0)]
        else:
            pieces.append(Segment(f"{header}{message.content}{TURN_END}\n", 0.0))
    return pieces


def render(messages: tuple[Message, ...]) -> str:
    """The prompt text that asks for the next assistant message, as CHAT_TEMPLATE makes it."""
    body = "".join(f"{TURN_START}{m.role}\n{m.content}{TURN_END}\n" for m in messages)
    return f"{body}{TURN_START}assistant\n"
