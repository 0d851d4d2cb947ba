"""`POST /v1/embeddings`: OpenAI's request with `dimensions`, base64 and token ids, and the model's own prompts."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any, Literal

import msgspec

from modelyard.core.errors import InvalidParameter
from modelyard.protocol.inference import EmbeddingRequest
from modelyard.serving.app import ReplicaRequest
from modelyard.serving.encoding import Encoding

MANY = 64
"""Vectors that are encoded at a time; this many or more are encoded outside the event loop."""


class ServedEmbeddingBody(EmbeddingRequest, kw_only=True):
    """OpenAI's request with the fields that engines add."""

    truncate_prompt_tokens: int | None = None
    """Tokens to cut each text to; -1 is the model's own limit."""
    prompt_name: str | None = None
    """The name of a prompt in the model's folder."""
    input_type: Literal["query", "document"] | None = None
    """The use of the texts, which selects the prompt."""


async def embeddings(request: ReplicaRequest, model: Encoding) -> bytes:
    body = request.read(ServedEmbeddingBody)
    inputs = _inputs(body.input)
    keep = model.keep(body.truncate_prompt_tokens)
    prompt = _prompt(body, model)
    _check_width(body, model.encoder.width)
    with model.room(len(inputs)):
        texts = await model.read(len(inputs), _reader(inputs, model, prompt, keep), "input")
        vectors = await model.compute(texts)
        tokens = sum(text.size for text in texts)

        def write() -> bytes:
            return _answer(body, vectors, tokens)

        return write() if len(vectors) < MANY else await model.apart(write)


Inputs = list[str] | list[list[int]]


def _inputs(given: str | list[Any]) -> Inputs:
    """A list of texts or of lists of token ids. Raises `InvalidParameter`."""
    if isinstance(given, str):
        inputs: list[Any] = [given]
    else:
        inputs = [given] if given and isinstance(given[0], int) else given
    if not inputs:
        raise InvalidParameter("input", "it is empty: give at least one text.")
    kind = type(inputs[0])
    for index, one in enumerate(inputs):
        if type(one) is not kind or (kind is list and not all(isinstance(token, int) for token in one)):
            raise InvalidParameter("input", "it must be texts, or token ids, or lists of token ids, and not a mixture.")
        if not one:
            raise InvalidParameter(f"input[{index}]", "it is empty: the model has nothing to read.")
    return inputs


def _reader(inputs: Inputs, model: Encoding, prompt: str, keep: int) -> Callable[[int, int], list[Any]]:
    def read(start: int, end: int) -> list[Any]:
        part: list[Any] = inputs[start:end]
        if isinstance(part[0], str):
            return model.encoder.read(part, prompt, keep)
        return [model.encoder.read_ids(ids, keep) for ids in part]

    return read


def _prompt(body: ServedEmbeddingBody, model: Encoding) -> str:
    """The text that is put before each input. Raises `InvalidParameter` if the model does not have a prompt of that name."""
    prompts, options = model.encoder.prompts, model.encoder.options
    if body.prompt_name:
        if body.prompt_name not in prompts:
            known = ", ".join(prompts) or "none"
            raise InvalidParameter("prompt_name", f"the model has no prompt '{body.prompt_name}'; it has {known}.")
        return prompts[body.prompt_name]
    if body.input_type:
        name = options.query_prompt_name if body.input_type == "query" else options.document_prompt_name
        return prompts.get(name, "")
    return prompts.get(model.encoder.default_prompt, "")


def _check_width(body: ServedEmbeddingBody, width: int) -> None:
    if isinstance(body.dimensions, int) and body.dimensions > width:
        raise InvalidParameter("dimensions", f"it is {body.dimensions}, and this model's vectors have {width}.")


def _answer(body: ServedEmbeddingBody, vectors: list[Any], tokens: int) -> bytes:
    """Encode the body part by part, because vectors as Python numbers take ten times the memory of their JSON text."""
    parts = [_part(body, vectors, start) for start in range(0, len(vectors), MANY)]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    data = msgspec.Raw(b"[" + b",".join(parts) + b"]")
    return msgspec.json.encode({"object": "list", "data": data, "model": body.model, "usage": usage})


def _part(body: ServedEmbeddingBody, vectors: list[Any], start: int) -> bytes:
    """Encode some vectors as JSON, without the brackets around them."""
    import numpy

    rows = numpy.stack(vectors[start : start + MANY])
    if isinstance(body.dimensions, int):
        rows = _shorten(rows, body.dimensions)
    numbers: list[Any]
    if body.encoding_format == "base64":
        numbers = [base64.b64encode(row).decode() for row in numpy.ascontiguousarray(rows, dtype="<f4")]
    else:
        numbers = exact(rows).tolist()
    data = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(numbers, start)]
    return msgspec.json.encode(data)[1:-1]


def _shorten(rows: Any, width: int) -> Any:
    """Keep the first `width` numbers of each vector and normalize it, as models with Matryoshka training expect."""
    import numpy

    part = rows[:, :width]
    norms = numpy.linalg.norm(part, axis=1, keepdims=True)
    return part / numpy.where(norms == 0, 1, norms)


def exact(rows: Any) -> Any:
    """Convert float32 to float64 numbers that print with nine digits: these identify every float32, and more are redundant."""
    import numpy

    wide = rows.astype(numpy.float64)
    size = numpy.floor(numpy.log10(numpy.abs(wide), out=numpy.zeros_like(wide), where=wide != 0)).astype(int)
    places = numpy.clip(8 - size, 0, len(POWERS) - 1)
    scale = numpy.array(POWERS)[places]
    return numpy.where(places == 8 - size, numpy.rint(wide * scale) / scale, wide)


POWERS = [float(f"1e{number}") for number in range(23)]
"""The powers of ten that a float64 represents exactly; numpy's power function is sometimes off by a bit."""
