"""The app behind `/v1/moderations`: the labels of a classifier are its categories."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection
from typing import Any

from modelyard.core.asgi import Receive, Scope, Send
from modelyard.core.errors import InvalidParameter
from modelyard.dialects.calling import send_json
from modelyard.dialects.scoring.engine import CLASSIFY, answer_of
from modelyard.gateway.app import Gateway
from modelyard.gateway.apps import caller_of
from modelyard.protocol.requests import read
from modelyard.protocol.scoring import Moderation, ModerationReply, ModerationRequest
from modelyard.protocol.tokens import ClassifyReply, TextClass

TRUE = 0.5
"""The probability from which a label of a classifier with independent labels is true."""
HARMLESS = re.compile(
    r"(ok|okay|safe|neutral|normal|none|clean|benign|harmless|acceptable|appropriate|no|false"
    r"|(?:non|not|no)[ _-][a-z _-]+|non[a-z]+)",
    re.IGNORECASE,
)
"""Names of labels that flag nothing, unless the launch says which ones are safe."""


class ModerationsApi:
    """The app."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def mount(self) -> None:
        """Mount the app at its path."""
        self._gateway.mount("/v1/moderations", self.moderate)

    async def moderate(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Classify texts."""
        request, _ = read((await receive())["body"], ModerationRequest, None)
        assert isinstance(request, ModerationRequest)
        texts, caller = inputs(request.input), caller_of(scope)
        model = request.model or self._gateway.classifier(caller.grant)
        if not model:
            raise InvalidParameter(
                "model",
                "no classifier runs; launch one with `modelyard launch`, and name it.",
            )
        body: dict[str, Any] = {"model": model, "input": texts}
        found = await answer_of(self._gateway.sender(caller), CLASSIFY, body, ClassifyReply, {})
        results = [moderation(each) for each in found.data]
        await send_json(send, ModerationReply(id=f"modr-{secrets.token_hex(12)}", model=str(model), results=results))


def inputs(given: str | list[str | dict[str, Any]]) -> list[str]:
    """The texts to classify; parts are those of one input, as OpenAI has it. Raises `InvalidParameter`."""
    if isinstance(given, str):
        given = [given]
    if all(isinstance(each, str) for each in given):
        for index, each in enumerate(given):
            if not each:
                raise InvalidParameter(f"input[{index}]", "it is empty: the model has nothing to read.")
        return [str(each) for each in given]
    return ["\n".join(_part(each, f"input[{index}]") for index, each in enumerate(given))]


def _part(given: str | dict[str, Any], place: str) -> str:
    if isinstance(given, str):
        raise InvalidParameter(place, "it must be a part, as the others are, or all must be texts.")
    if given.get("type", "text") != "text":
        raise InvalidParameter(f"{place}.type", "it must be 'text': classifiers here read texts alone.")
    if not isinstance(given.get("text"), str) or not given["text"]:
        raise InvalidParameter(f"{place}.text", "it is required: a text that is not empty.")
    return str(given["text"])


def moderation(found: TextClass) -> Moderation:
    """A result in OpenAI's form. `flagged` is whether a label is true that is not harmless."""
    scores = found.scores or {str(found.label): max(found.probs)}
    if found.multi_label:
        categories = {label: score >= TRUE for label, score in scores.items()}
    else:
        categories = {label: label == found.label for label in scores}
    harmless = harmless_of(scores) if found.safe_labels is None else frozenset(found.safe_labels)
    return Moderation(
        flagged=any(true and label not in harmless for label, true in categories.items()),
        categories=categories,
        category_scores=scores,
        category_applied_input_types={label: ["text"] for label in scores},
    )


def harmless_of(labels: Collection[str]) -> frozenset[str]:
    """The labels whose names say that nothing is wrong."""
    return frozenset(label for label in labels if HARMLESS.fullmatch(label.strip()))
