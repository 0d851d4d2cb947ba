"""The interface between the batching of answers (`serving/batching.py`) and an engine's model, which computes their tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol


@dataclass(frozen=True, slots=True)
class Grammar:
    """A grammar that an answer must follow."""

    kind: Literal["json", "regex", "choice", "grammar", "lark"]
    """`grammar` is written by users, in Lark's or llama.cpp's notation; `lark` by us, in the notation of llguidance."""
    text: str
    """A JSON schema, a regular expression, a JSON list of texts, or a grammar."""
    instead: Grammar | None = None
    """An alternative grammar that the answer may follow."""
    thoughts: Literal["none", "open", "possible"] = "none"
    """Whether thoughts precede the answer: `open`, up to `</think>`; `possible`, if it begins with `<think>`."""


@dataclass(frozen=True, slots=True)
class SamplingParams:
    """Sampling parameters of one answer. Temperature 0 picks the likeliest tokens."""

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    """0 means all."""
    min_p: float = 0.0
    repetition: float = 1.0
    """Repetition penalty; the prompt counts too."""
    presence: float = 0.0
    frequency: float = 0.0
    seed: int | None = None
    bias: Mapping[int, float] = field(default_factory=dict)
    logprobs: int | None = None
    """Number of the likeliest tokens to return with the chosen one; None returns no log probabilities."""
    prompt_logprobs: int | None = None
    """`logprobs` for each token of the prompt except the first."""
    grammar: Grammar | None = None
    least: int = 0
    """Minimum number of tokens, before which neither a token of `ends` nor a stop string ends the answer."""
    ends: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class PromptSource:
    """What a prompt's keys and values depend on beside its tokens. Only prompts of equal sources share a cache."""

    adapter: str = ""
    """The cache key of the adapter that computes; empty for the model alone. A reloaded adapter has another key."""
    pictures: tuple[bytes, ...] = ()
    """The files of the prompt's pictures, in order."""


NOTHING = PromptSource()


@dataclass(frozen=True, slots=True)
class SampledToken:
    """A chosen token, or a token of the prompt, with its log probability."""

    token: int
    logprob: float = 0.0
    top: tuple[tuple[int, float], ...] = ()
    """The likeliest tokens and their log probabilities, best first."""
    complete: bool = False
    """Whether the grammar of the answer allows nothing after it."""
    problem: str | None = None
    """Why this answer cannot continue; the token is then invalid."""


class Backend(Protocol):
    """Weights with space for several answers, each a row numbered from 0. Called from one thread only."""

    rows: int
    """Maximum number of concurrent answers."""

    def begin(self, row: int, params: SamplingParams, prompt: Sequence[int], source: PromptSource) -> None:
        """Begin a new answer in a row."""
        ...

    def read(self, row: int, start: int, tokens: Sequence[int]) -> Sequence[SampledToken]:
        """Read the tokens `start …` of a row, whose earlier tokens are in the cache.

        If `params` has `prompt_logprobs`, returns the log probabilities of the prompt's tokens `start + 1 …`, one for each
        token read, else nothing. Raises `InvalidParameter` if the row's pictures cannot be read; the other
        rows are unchanged.
        """
        ...

    def write(self, last: Sequence[int | None], lengths: Sequence[int]) -> list[SampledToken | None]:
        """Return the next token of each of the first rows, given its last one; None skips a row.

        `lengths` has the number of cached tokens of each row, including rows that are skipped.
        """
        ...

    def copy(self, source: int, target: int, length: int) -> None:
        """Copy the first `length` cached tokens of a row to another row. The answers are not moved."""
        ...

    def move(self, source: int, target: int, length: int) -> None:
        """Move an answer with its cached tokens to another row."""
        ...

    def reset(self) -> None:
        """Delete everything that was computed."""
        ...

    def load_adapter(self, key: str, path: str, scale: float) -> None:
        """Load an adapter, so that sources may have this key. Raises `InvalidParameter`."""
        ...

    def unload_adapter(self, key: str) -> None:
        """Unload an adapter that no answer uses any more."""
        ...


class Language(Protocol):
    """What a language model's files say about text: tokenizer, chat template, and defaults."""

    context: int
    """Maximum tokens of prompt and answer together."""
    ends: frozenset[int]
    """Ids of the tokens that end an answer."""
    defaults: Mapping[str, float]
    """Recommended `temperature`, `top_p`, `top_k`, `min_p`, `repetition_penalty` in the model's files."""
    fill_ends: frozenset[int]
    """Ids of further tokens that end a fill-in-the-middle answer."""
    vocabulary: int
    thinks: bool
    """Whether its chats have thoughts between `<think>` and `</think>`."""
    thinking: bool | None
    """The default of the template's thinking switch; None leaves it to the template."""
    template: str
    """The chat template; empty if there is none."""
    blind: str
    """Why it accepts no pictures, as a clause; empty if it accepts them."""
    backend: Backend

    def problem(self, grammar: Grammar) -> str:
        """Why answers cannot follow a grammar; empty if they can. Thread-safe; may take a second."""
        ...

    def encode(self, text: str, special: bool) -> list[int]:
        """Tokens of a text; with `special`, including those that begin and end a text."""
        ...

    def decode(self, tokens: Sequence[int], skip_special: bool = True) -> str:
        """Text of tokens; incomplete characters are U+FFFD."""
        ...

    def render(self, messages: list[dict[str, Any]], **variables: Any) -> str:
        """Render a conversation with the chat template. Raises `InvalidParameter` if the template refuses it.

        The content of a message is a text, or a list of parts of type `text` and, without their files, `image`.
        """
        ...

    def fill(self, prefix: str | list[int], suffix: str) -> list[int]:
        """Tokens of a prompt whose answer fills the gap between a text, or its tokens, and a suffix.

        Raises `InvalidParameter` about `suffix` if the model has no tokens for that.
        """
        ...

    def look(self, text: str, pictures: tuple[bytes, ...]) -> list[int]:
        """Tokens of a rendered conversation with pictures. Slow, so call it in a thread.

        Raises `InvalidParameter` for pictures that cannot be read or have no place in the text.
        """
        ...
