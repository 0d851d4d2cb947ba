"""llama.cpp's errors, as its server words them, and what the client reads."""

from __future__ import annotations

import msgspec
import pytest

from modelyard.engines.llama_cpp.faults import event_of, mended

EXCEPTION = "[json.exception.type_error.302] type must be string, but is null"

ERRORS = [
    (500, {"message": EXCEPTION}, 400, "messages", "The request has a value that llama.cpp does not take: type must be string"),
    (400, {"message": EXCEPTION}, 400, "messages", "The request has a value"),
    (400, {"message": f"Field 'seed': {EXCEPTION}"}, 400, "seed", "Parameter 'seed': llama.cpp does not take this value: type"),
    (500, {"message": "Failed to parse tools: Expected 'tools' to be an array, got 3; tools = 3"}, 400, "tools", "Param"),
    (400, {"message": 'Field \'json_schema\': "json_schema": JSON schema error at #: x'}, 400, "json_schema", "Param"),
    (500, {"message": "JSON schema conversion failed:\nUnresolved $ref a"}, 400, "response_format", "Parameter"),
    (400, {"message": "Failed to initialize samplers: failed to parse grammar"}, 400, "grammar", "Parameter 'grammar'"),
    (500, {"message": "Jinja Exception: no system here"}, 400, "messages", "The model's chat template does not take this"),
    (500, {"message": "image input is not supported - hint: mmproj"}, 400, "messages", "llama.cpp was given no projector"),
    (400, {"message": "\"prompt\" must not be empty"}, 400, "prompt", "\"prompt\" must not be empty"),
    (500, {"message": "The model produced output that does not match the expected peg format"}, 500, None, "The"),
    (500, {"message": "failed to get logits"}, 500, None, "failed to get logits"),
    (501, {"message": "This server does not support embeddings", "type": "not_supported_error"}, 501, None, "This server"),
    (401, {"message": "Invalid API Key", "type": "authentication_error"}, 401, None, "Invalid API Key"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "error", "said", "param", "begins"), ERRORS)
def test_an_error_names_the_field_and_whose_fault_it_is(
    status: int, error: dict[str, object], said: int, param: str | None, begins: str
) -> None:
    found, body = mended(status, msgspec.json.encode({"error": {"code": status, **error}}), "messages")
    read = msgspec.json.decode(body)["error"]
    assert (found, read.get("param")) == (said, param), read
    assert read["message"].startswith(begins) and "json.exception" not in read["message"]
    assert read["code"] == ("invalid_parameter" if said == 400 else said)


LENGTHS = [
    {"code": 400, "message": "request (2013 tokens) exceeds", "n_prompt_tokens": 2013, "n_ctx": 256},
    {"code": 500, "message": "input (2013 tokens) is too large to process. increase it (current batch size: 256)"},
]


@pytest.mark.parametrize("error", LENGTHS)
def test_what_is_too_long_says_both_numbers_whole_and_amid_a_stream(error: dict[str, object]) -> None:
    body = msgspec.json.encode({"error": error})
    for param, where in (("input", " in 'input'"), (None, "")):
        status, said = mended(500, body, param)
        read = msgspec.json.decode(said)["error"]
        assert (status, read["code"], read["param"], read["type"]) == (
            400, "context_length_exceeded", param, "invalid_request_error",
        )  # fmt: skip
        assert read["message"].startswith(
            f"This model's maximum context length is 256 tokens, and the request has 2013{where}; shorten it"
        )
    assert b"context_length_exceeded" in event_of(b"data: " + body + b"\n\n")


def test_an_answer_that_is_no_json_is_not_passed_on() -> None:
    assert mended(200, b"{}") == (200, b"{}")
    for body in (b"", b"why", b"[]"):
        status, said = mended(200, body)
        assert status == 502 and msgspec.json.decode(said)["error"]["message"]
