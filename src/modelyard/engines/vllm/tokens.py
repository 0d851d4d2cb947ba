"""Token ids in requests to vLLM, which answers unknown ones with a server error. Pure."""

from __future__ import annotations

from modelyard.core.errors import InvalidParameter
from modelyard.engines.vllm.forms import decoded


def check(body: bytes, vocabulary: int | None) -> None:
    """Raise `InvalidParameter` for an id that the model does not have. Without a known vocabulary all are passed on."""
    given = decoded(body).get("tokens")
    for index, token in enumerate(given if isinstance(given, list) else ()):
        if isinstance(token, int) and vocabulary is not None and not 0 <= token < vocabulary:
            raise InvalidParameter(f"tokens[{index}]", f"{token} is no token of this model, which has {vocabulary}.")
