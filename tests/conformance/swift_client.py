"""Asks a running server by ms-swift's `InferClient` and prints, for each request, a line of JSON with what came back.

Runs in the environment `swift` of `tests/client_environments.py`. Arguments: the server's address that ends with `/v1`, then the
names of models. What goes wrong is printed as the exception's class and text, for `test_swift_client.py` to judge.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from swift.infer_engine.infer_client import InferClient
from swift.infer_engine.protocol import InferRequest, RequestConfig

CONFIGS: dict[str, dict[str, Any]] = {
    "defaults": {"max_tokens": 8},
    "greedy": {"max_tokens": 8, "temperature": 0},
    "sampled": {"max_tokens": 8, "temperature": 0.8, "top_p": 0.9, "top_k": 20, "seed": 3, "repetition_penalty": 1.1},
    "penalties": {"max_tokens": 8, "temperature": 0, "presence_penalty": 0.5, "frequency_penalty": 0.5},
    "stop": {"max_tokens": 64, "temperature": 0, "stop": ["e"]},
    "several": {"max_tokens": 4, "temperature": 1, "n": 2},
    "logprobs": {"max_tokens": 3, "temperature": 0, "logprobs": True, "top_logprobs": 2},
    "streamed": {"max_tokens": 8, "temperature": 0, "stream": True},
    "streamed logprobs": {"max_tokens": 3, "temperature": 0, "logprobs": True, "top_logprobs": 2, "stream": True},
    "too many": {"max_tokens": 8, "n": -1},
    "beams": {"max_tokens": 8, "num_beams": 2},
}
QUESTION = [{"role": "user", "content": "What is the capital of France?"}]


def main(url: str, models: list[str]) -> None:
    """Send every configuration to every model, and one request to a model that does not exist."""
    client = InferClient(base_url=url)
    for model in models:
        for name, config in CONFIGS.items():
            print(json.dumps({"model": model, "config": name, **outcome(client, model, config)}), flush=True)
    print(json.dumps({"model": "nobody", "config": "defaults", **outcome(client, "nobody", {})}), flush=True)
    print(json.dumps({"models": client.models}), flush=True)


def outcome(client: InferClient, model: str, config: dict[str, Any]) -> dict[str, Any]:
    """The texts of the choices, why they end, and the tokens that have log-probabilities; or the error."""
    request = InferRequest(messages=QUESTION)
    try:
        answer = client.infer([request], RequestConfig(**config), model=model, use_tqdm=False)[0]
        return streamed(answer) if config.get("stream") else whole(answer)
    except (
        AssertionError,
        LookupError,
        OSError,
        TypeError,
        ValueError,
    ) as error:  # HTTPError of requests is an OSError
        return {"error": type(error).__name__, "message": str(error)}


def whole(answer: Any) -> dict[str, Any]:
    """What a whole answer holds."""
    texts = [choice.message.content for choice in answer.choices]
    tokens = [len((choice.logprobs or {}).get("content") or []) for choice in answer.choices]
    ends = [choice.finish_reason for choice in answer.choices]
    return {"texts": texts, "ends": ends, "tokens": tokens, "usage": answer.usage.completion_tokens}


def streamed(chunks: Any) -> dict[str, Any]:
    """What the chunks of a streamed answer add up to; every delta must have a text, as swift's own loop prints it."""
    text, tokens, end = "", 0, None
    for chunk in chunks:
        if chunk is None:
            continue
        for choice in chunk.choices:
            text += choice.delta.content
            tokens += len((choice.logprobs or {}).get("content") or [])
            end = choice.finish_reason or end
    return {"texts": [text], "ends": [end], "tokens": [tokens]}


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
