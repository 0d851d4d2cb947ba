"""Sampling parameters that a registered family sets for requests which do not set them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from modelyard.core.errors import InvalidParameter, RegistrationInvalid
from modelyard.protocol.inference import ChatRequest
from modelyard.protocol.requests import decode

PARAMETERS = (
    *("temperature", "top_p", "top_k", "min_p", "typical_p", "seed", "stop", "max_tokens", "presence_penalty"),
    *(
        "frequency_penalty",
        "repetition_penalty",
        "repeat_last_n",
        "mirostat",
        "mirostat_tau",
        "mirostat_eta",
        "logit_bias",
    ),
)
"""Names of these parameters in a chat completion request."""
FIELD = "default_generate_config"


def check_parameters(given: Mapping[str, Any]) -> None:
    """Raise `RegistrationInvalid` for what is not a sampling parameter, or has a value that a chat completion refuses."""
    for name in given:
        if name not in PARAMETERS:
            raise RegistrationInvalid(f"{FIELD}.{name}: it is none of {', '.join(PARAMETERS)}.")
    body = {"model": "m", "messages": [{"role": "user", "content": ""}], **given}
    try:
        decode(msgspec.json.encode(body), ChatRequest)
    except InvalidParameter as error:
        raise RegistrationInvalid(f"{FIELD}: {error.message}") from None
