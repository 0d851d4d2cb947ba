"""Requests to llama.cpp's `/detokenize` and `/tokenize`. Pure.

`POST /v1/convert_ids_to_tokens` is Xinference's path, which llama.cpp lacks. Each id is sent in its own request, because
the texts of several ids are returned as one text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from modelyard.engines.llama_cpp.plans import RequestRefused

PATH = "/v1/convert_ids_to_tokens"
UPSTREAM = b"/detokenize"
COUNTING = b"/tokenize"
COMPLETIONS = "/v1/completions"
MOST = 4096
"""Maximum number of different ids in a request: each costs a call to llama.cpp."""
INT32 = 2**31


@dataclass(frozen=True, slots=True)
class Ids:
    """The ids of a request, in its form: one, a list, or a list of lists."""

    given: Any

    def distinct(self) -> list[int]:
        """Every id once."""
        return list(dict.fromkeys(_flat(self.given)))

    def answer(self, texts: Mapping[int, str]) -> bytes:
        """The texts in the form of the request."""
        return msgspec.json.encode(_mapped(self.given, texts))


def read(body: bytes) -> Ids:
    """The ids in a body. Raises `RequestRefused`."""
    try:
        given = msgspec.json.decode(body, type=dict[str, Any]).get("input")
    except msgspec.DecodeError as error:
        raise RequestRefused("input", f"the body is no JSON object: {error}") from None
    ids = Ids(_checked(given, depth=0))
    if len(ids.distinct()) > MOST:
        raise RequestRefused("input", f"it holds more than {MOST} different ids.")
    return ids


def question(token: int) -> bytes:
    """The request body for the text of one id."""
    return msgspec.json.encode({"tokens": [token]})


def unknown(token: int) -> RequestRefused:
    return RequestRefused("input", f"{token} is no token of this model.")


def empty_prompt(path: str, request: Mapping[str, Any]) -> str | None:
    """The field of a completion's first prompt without characters, or None."""
    prompt = request.get("prompt") if path == COMPLETIONS else None
    if prompt == "":
        return "prompt"
    return f"prompt[{prompt.index('')}]" if isinstance(prompt, list) and "" in prompt else None


def of_nothing() -> bytes:
    """The request body for the tokens of an empty text: the one that begins every text, or none."""
    return msgspec.json.encode({"content": "", "add_special": True})


def _checked(given: Any, depth: int) -> Any:
    if isinstance(given, list) and depth < 2:
        return [_checked(each, depth + 1) for each in given]
    if isinstance(given, str) and given.isascii() and given.isdigit() and len(given) <= 10:
        given = int(given)
    if not isinstance(given, int) or isinstance(given, bool) or not 0 <= given < INT32:
        raise RequestRefused("input", "it must be a token id, a list of ids, or a list of such lists.")
    return given


def _flat(given: Any) -> list[int]:
    return [token for each in given for token in _flat(each)] if isinstance(given, list) else [given]


def _mapped(given: Any, texts: Mapping[int, str]) -> Any:
    return [_mapped(each, texts) for each in given] if isinstance(given, list) else texts[given]
