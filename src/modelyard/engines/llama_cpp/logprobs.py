"""Converts llama.cpp's log probabilities to OpenAI's format. Pure.

llama.cpp returns more alternatives than requested, smaller numbers than JSON readers expect, and with
`post_sampling_probs` probabilities (`prob`, `top_probs`) in place of their logarithms.
"""

from __future__ import annotations

import math
from typing import Any

from modelyard.engines.llama_cpp.plans import Body, RequestRefused, whole_number

LEAST = -9999.0
"""Stands for minus infinity, which JSON does not have; OpenAI's clients know this number."""
MOST = 20
"""Maximum number of alternatives per token in a chat, as in OpenAI's API."""


def ask_of_chat(request: Body) -> int | None:
    """Add the log probabilities that a chat requests to the request for llama.cpp; returns the number of alternatives, or None.

    llama.cpp returns none for `top_logprobs: 0`, and twenty if the number is omitted; OpenAI's meaning of both is only the
    chosen token.
    """
    given = request.get("logprobs")
    top = request.get("top_logprobs")
    if top is not None and not (whole_number(top) and top <= MOST):
        raise RequestRefused("top_logprobs", f"it must be a whole number from 0 to {MOST}.")
    if given is not None and not isinstance(given, bool):
        raise RequestRefused("logprobs", "it must be true or false.")
    if not given:
        if top:
            raise RequestRefused("top_logprobs", "it needs 'logprobs' to be true.")
        request.pop("top_logprobs", None)
        return None
    request["n_probs"] = max(1, top or 0)
    for name in ("logprobs", "top_logprobs"):  # with these, llama.cpp refuses requests with tools
        request.pop(name, None)
    return top or 0


def ask_of_completion(request: Body) -> int | None:
    """Add the log probabilities that a completion requests to the request; returns the number of alternatives, or None."""
    given = request.get("logprobs")
    if given is None or given is False:
        request.pop("logprobs", None)
        return request.get("n_probs") or None if whole_number(request.get("n_probs")) else None
    if given is not True and not whole_number(given):
        raise RequestRefused("logprobs", "it must be a whole number of alternatives.")
    request["n_probs"] = max(1, int(given))
    del request["logprobs"]
    return int(given)


def tokens(content: Any, top: int | None = None) -> list[Body]:
    """The tokens of a chat's `logprobs.content`, each with at most `top` alternatives."""
    return [_token(each, top) for each in content if isinstance(each, dict)] if isinstance(content, list) else []


def without_end(content: list[Body], finish: Any) -> list[Body]:
    """The tokens of an answer without the token that ended it, which has no text."""
    kept = len(content)
    while finish != "length" and kept and is_silent(content[kept - 1]):
        kept -= 1
    return content[:kept]


def is_silent(token: Body) -> bool:
    """Whether a token adds nothing to the text."""
    return not token["token"] and not token.get("bytes")


def _token(given: Body, top: int | None) -> Body:
    """One token with its text, which is among the alternatives if llama.cpp has held text back."""
    alternatives = given.get("top_logprobs", given.get("top_probs")) or []
    kept = [each for each in alternatives if isinstance(each, dict)]
    own = next((each for each in kept if "id" in given and each.get("id") == given["id"]), given)
    text = {key: own[key] for key in ("token", "bytes") if key in own}
    entry = _entry({**given, **text})
    return {**entry, "top_logprobs": [_entry(each) for each in kept[: len(kept) if top is None else top]]}


def _entry(given: Body) -> Body:
    known: Body = {key: given[key] for key in ("id", "bytes") if key in given}
    return {"token": str(given.get("token", "")), "logprob": _logarithm(given), **known}


def _logarithm(given: Body) -> float:
    value = given.get("logprob")
    if isinstance(value, int | float):
        return max(float(value), LEAST)
    chance = given.get("prob")
    return max(math.log(chance), LEAST) if isinstance(chance, int | float) and chance > 0 else LEAST


def legacy(content: list[Body], start: int = 0) -> Body:
    """Convert to the format of completions: parallel lists instead of a list of tokens. The text begins at character `start`.

    The chosen token is always among the likeliest ones in the result, as on the other engines.
    """
    offsets, position = [], start
    for token in content:
        offsets.append(position)
        position += len(token["token"])
    return {
        "tokens": [token["token"] for token in content],
        "token_logprobs": [token["logprob"] for token in content],
        "top_logprobs": [
            {top["token"]: top["logprob"] for top in (*token["top_logprobs"], token)} for token in content
        ],
        "text_offset": offsets,
    }
