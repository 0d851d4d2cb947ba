"""`POST /classify`, vLLM's path: the probability of each label of a classifier."""

from __future__ import annotations

import time
import uuid
from typing import Any

import msgspec

from modelyard.core.errors import InvalidParameter
from modelyard.protocol.tokens import ClassifyReply, ClassifyRequest, TextClass
from modelyard.serving.app import ReplicaRequest
from modelyard.serving.encoding import Encoding
from modelyard.serving.generating import value_or


async def classify(request: ReplicaRequest, model: Encoding) -> bytes:
    """Handle `/classify`."""
    body = request.read(ClassifyRequest)
    inputs = [body.input] if isinstance(body.input, str) else body.input
    if not inputs:
        raise InvalidParameter("input", "it is empty: give at least one text.")
    for index, each in enumerate(inputs):
        if not each:
            raise InvalidParameter(f"input[{index}]", "it is empty: the model has nothing to read.")
    keep = model.keep(value_or(body.truncate_prompt_tokens, None))
    with model.room(len(inputs)):
        texts = await model.read(
            len(inputs), lambda start, end: model.encoder.read(inputs[start:end], "", keep), "input"
        )
        rows = await model.compute(texts)
    tokens = sum(text.size for text in texts)
    return msgspec.json.encode(
        ClassifyReply(
            id=f"classify-{uuid.uuid4().hex}",
            object="list",
            created=int(time.time()),
            model=body.model,
            data=[_class(index, row, model) for index, row in enumerate(rows)],
            usage={"prompt_tokens": tokens, "total_tokens": tokens, "completion_tokens": 0},
        )
    )


def _class(index: int, row: Any, model: Encoding) -> TextClass:
    labels, encoder = model.encoder.labels, model.encoder
    probs = [float(each) for each in (row if len(labels) > 1 else [row])]
    safe = str(encoder.options.safe_labels)
    return TextClass(
        index=index,
        label=labels[max(range(len(probs)), key=probs.__getitem__)],
        probs=probs,
        num_classes=len(probs),
        scores=dict(zip(labels, probs, strict=True)),
        multi_label=encoder.multi_label,
        safe_labels=[each.strip() for each in safe.split(",")] if safe else None,
    )
