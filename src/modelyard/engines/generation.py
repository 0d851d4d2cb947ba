"""The interface between the batching of answers (`serving/batching.py`) and an engine's model, which computes their tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol


@dataclass(frozen=True, slots=True)
class Grammar:
    """The form that an answer is held to."""

    kind: Literal["json", "regex", "choice", "grammar", "lark"]
    """`grammar` is written by users, in Lark's or llama.cpp's notation; `lark` by us, in that of the library."""
    text: str
    """A JSON schema, an expression, a JSON list of texts, or a grammar."""
    instead: Grammar | None = None
    """Another that the answer may follow as well."""
    thoughts: Literal["none", "open", "possible"] = "none"
    """Whether free thoughts come first: `open`, up to `</think>`; `possible`, if it begins with `<think>`."""


@dataclass(frozen=True, slots=True)
class SamplingParams:
    """Sampling parameters of one answer. Temperature 0 takes the likeliest tokens."""

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    """0 is all."""
    min_p: float = 0.0
    repetition: float = 1.0
    """Counts the prompt too."""
    presence: float = 0.0
    frequency: float = 0.0
    seed: int | None = None
    bias: Mapping[int, float] = field(default_factory=dict)
    logprobs: int | None = None
    """How many of the likeliest tokens to tell beside the chosen one; None tells nothing."""
    prompt_logprobs: int | None = None
    """The same for each token of the prompt but the first."""
    grammar: Grammar | None = None
    least: int = 0
    """Tokens before which neither a token of `ends` nor a stop string ends the answer."""
    ends: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class PromptSource:
    """What a prompt depends on beside its tokens: adapter and pictures. Only prompts of equal sources share a cache."""

    adapter: str = ""
    """Which adapter reads and writes; empty is the model alone. Another adapter under an old name has another word here."""
    pictures: tuple[bytes, ...] = ()
    """The files of the pictures that the prompt's places for pictures stand for, in order."""


NOTHING = PromptSource()


@dataclass(frozen=True, slots=True)
class SampledToken:
    """A chosen token, or one of a prompt with what the model thought of it."""

    token: int
    logprob: float = 0.0
    top: tuple[tuple[int, float], ...] = ()
    """The likeliest tokens and their logarithms, best first."""
    complete: bool = False
    """The grammar of the answer allows nothing after it."""
    problem: str | None = None
    """Why this answer cannot go on; the token is of no use."""


class Backend(Protocol):
    """Weights with room for several answers, each a row numbered from 0. Called from one thread only."""

    rows: int
    """Most answers at once."""

    def begin(self, row: int, params: SamplingParams, prompt: Sequence[int], source: PromptSource) -> None:
        """Begin a new answer in a row."""
        ...

    def read(self, row: int, start: int, tokens: Sequence[int]) -> Sequence[SampledToken]:
        """Tokens `start …` of a row, whose tokens before are known already.

        Returns what the model thought of the prompt's tokens `start + 1 …`, one for each that it has read, where `params`
        has `prompt_logprobs`, else nothing. Raises `InvalidParameter` when the row's pictures cannot be read; the other
        rows are as they were.
        """
        ...

    def write(self, last: Sequence[int | None], lengths: Sequence[int]) -> list[SampledToken | None]:
        """The next token of each of the first rows, given its last one; None skips a row.

        `lengths` has how many tokens are known of each row, of those without an answer too if it goes on.
        """
        ...

    def copy(self, source: int, target: int, length: int) -> None:
        """What is known of the first tokens of a row becomes known of another; the answers stay where they are."""
        ...

    def move(self, source: int, target: int, length: int) -> None:
        """An answer, with the tokens that are known of it, moves to another row."""
        ...

    def reset(self) -> None:
        """Forget everything that was computed."""
        ...

    def load_adapter(self, key: str, path: str, scale: float) -> None:
        """From now on answers may have this key as their source's adapter. Raises `InvalidParameter`."""
        ...

    def unload_adapter(self, key: str) -> None:
        """Unload an adapter, which no answer uses any more."""
        ...


class Language(Protocol):
    """What a language model's files say about text."""

    context: int
    """Tokens that prompt and answer may have together."""
    ends: frozenset[int]
    """Tokens that end an answer."""
    defaults: Mapping[str, float]
    """What the model's makers recommend for `temperature`, `top_p`, `top_k`, `min_p`, `repetition_penalty`."""
    fill_ends: frozenset[int]
    """Tokens that beside those end what fills a hole."""
    vocabulary: int
    thinks: bool
    """Whether its chats have thoughts between `<think>` and `</think>`."""
    thinking: bool | None
    """What the template's switch for thoughts is where a request does not turn it; None leaves it to the template."""
    template: str
    """The chat template; empty when there is none."""
    blind: str
    """Why it takes no pictures, as a clause; empty when it takes them."""
    backend: Backend

    def problem(self, grammar: Grammar) -> str:
        """Why answers cannot be made to follow a grammar; empty when they can. From any thread; may take a while."""
        ...

    def encode(self, text: str, special: bool) -> list[int]:
        """Tokens of a text; with `special`, with those that begin and end a text."""
        ...

    def decode(self, tokens: Sequence[int], skip_special: bool = True) -> str:
        """Text of tokens; bytes that are no characters yet are U+FFFD."""
        ...

    def render(self, messages: list[dict[str, Any]], **variables: Any) -> str:
        """A conversation as its template writes it. Raises `InvalidParameter` when the template refuses it.

        The content of a message is a text, or a list of parts of type `text` and, without their files, `image`.
        """
        ...

    def fill(self, prefix: str | list[int], suffix: str) -> list[int]:
        """Tokens of a prompt whose answer stands between a text, or its tokens, and another text.

        Raises `InvalidParameter` about `suffix` when the model has no tokens for that.
        """
        ...

    def look(self, text: str, pictures: tuple[bytes, ...]) -> list[int]:
        """Tokens of a rendered conversation with pictures. Takes its time, so it is called from a thread of its own.

        Raises `InvalidParameter` for pictures that cannot be read or have no place in the text.
        """
        ...
