"""Errors in Anthropic's form, with the names of its fields. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from modelyard.core.errors import ContextLengthExceeded, ModelNotReady, ModelyardError, UnsupportedParameter
from modelyard.gateway.asgi import ErrorForm
from modelyard.protocol.anthropic import AnthropicError, AnthropicFailure

TYPES: Mapping[int, str] = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}
"""Status → type; else `invalid_request_error` below 500, and `api_error`."""
NAMES: Mapping[str, str] = {
    "stop": "stop_sequences",
    "response_format": "output_config.format",
    "reasoning_effort": "output_config.effort",
    "enable_thinking": "thinking",
    "thinking_token_budget": "thinking.budget_tokens",
    "parallel_tool_calls": "tool_choice.disable_parallel_tool_use",
}
"""Fields of chat completions → those of Anthropic's API."""
NO_THREADS = {"error_code": "thread_unsupported_request", "unsupported": ["thread"]}
"""Details by which clients send the whole conversation instead."""
LENGTHS = re.compile(
    r"context length is (?P<limit>\d+) tokens, and the request has (?P<least>at least )?(?P<given>\d+)"
)


def failure(error: ModelyardError, identity: str) -> AnthropicFailure:
    """The body of an error."""
    kind = TYPES.get(error.status, "invalid_request_error" if error.status < 500 else "api_error")
    details = NO_THREADS if error.param == "thread" and isinstance(error, UnsupportedParameter) else None
    return AnthropicFailure(AnthropicError(kind, message_of(error), details), identity)


def message_of(error: ModelyardError) -> str:
    """The sentence of an error. Clients compact a conversation when they read `prompt is too long`."""
    if isinstance(error, ContextLengthExceeded):
        if (found := LENGTHS.search(error.message)) is None:
            return f"prompt is too long: {error.message}"
        counts = f"{found['least'] or ''}{found['given']} tokens > {found['limit']} maximum"
        return f"prompt is too long: {counts}. {error.message}"
    if isinstance(error, ModelNotReady) or error.param is None or (name := NAMES.get(error.param)) is None:
        return error.message
    return error.message.replace(f"'{error.param}'", f"'{name}'")


def tokens_in(error: ContextLengthExceeded) -> int | None:
    """The tokens of a prompt that was too long, if the error has them."""
    found = LENGTHS.search(error.message)
    return int(found["given"]) if found else None


FORM = ErrorForm(
    body=lambda error, identity: msgspec.json.encode(failure(error, identity)),
    event=lambda error, identity: b"event: error\ndata: " + msgspec.json.encode(failure(error, identity)) + b"\n\n",
)
