"""The error tree: drawn as it is, and whole after a trip over the wire."""

from __future__ import annotations

import re

import pytest

from modelyard.core import errors
from modelyard.core.errors import (
    BadRequest,
    Conflict,
    InternalError,
    ModelExists,
    ModelNotFound,
    ModelNotReady,
    ModelyardError,
    NotFound,
    RateLimited,
    Unavailable,
    error_classes,
    nearest,
)
from modelyard.protocol.errors import envelope, headers, read


def test_the_tree_at_the_top_of_the_file_is_the_tree() -> None:
    drawn = {
        name: (status, code) for name, status, code in re.findall(r"[├└]── (\w+)\s+(\S+)\s+(\w+)", errors.__doc__ or "")
    }
    real = {cls.__name__: (str(cls.status), cls.code) for cls in error_classes().values() if cls is not ModelyardError}
    for name, (status, code) in real.items():
        assert name in drawn, f"{name} is not drawn"
        assert drawn[name][1] == code
        assert drawn[name][0] in (status, "(exit)", "(client)")
    assert set(drawn) <= set(real)


def test_codes_are_unique() -> None:
    classes = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, ModelyardError)]
    codes = [cls.code for cls in classes if cls is not ModelyardError]
    assert len(codes) > 40
    assert len(codes) == len(set(codes))


THREE = [ModelNotFound("a", ["b"], "b"), ModelExists("a", "ready"), ModelNotReady("模型", "starting", "it loads")]


@pytest.mark.parametrize("error", THREE)
def test_an_error_arrives_as_what_it_was(error: ModelyardError) -> None:
    arrived = read(error.status, envelope(error), headers(error).get("retry-after"))
    assert type(arrived) is type(error)
    assert (arrived.message, arrived.param, arrived.retry_after) == (error.message, error.param, error.retry_after)


@pytest.mark.parametrize(
    ("status", "body", "kind", "message"),
    [
        (404, {"detail": "Model not found"}, NotFound, "Model not found"),
        (409, {"error": {"message": "twice", "code": "never_heard_of"}}, Conflict, "twice"),
        (422, {"detail": [{"loc": ["body"]}]}, BadRequest, "HTTP 422"),
        (429, "slow down", RateLimited, "slow down"),
        (503, "", Unavailable, "HTTP 503"),
        (500, "<html>oops</html>", InternalError, "<html>oops</html>"),
        (418, None, BadRequest, "HTTP 418"),
    ],
)
def test_answers_of_other_servers(status: int, body: object, kind: type[ModelyardError], message: str) -> None:
    error = read(status, body)
    assert type(error) is kind
    assert error.message == message


@pytest.mark.parametrize(
    ("name", "known", "found"),
    [
        ("demo", ["modelyard-demo", "other"], "modelyard-demo"),
        ("my-tuner", ["my_tuner", "base"], "my_tuner"),
        ("QWEN", ["qwen2.5"], "qwen2.5"),
        ("zebra", ["qwen2.5"], None),
        ("x", [], None),
    ],
)
def test_the_nearest_name(name: str, known: list[str], found: str | None) -> None:
    assert nearest(name, known) == found
