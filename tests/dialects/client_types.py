"""Prints what the types of the official clients contain, for `test_features.py`. Runs in the environment `dialects`."""

from __future__ import annotations

import json
import re
import typing

import anthropic.types as stable
import anthropic.types.beta as beta
import ollama._types as ollama
from anthropic.types import message_count_tokens_params as stable_count
from anthropic.types import message_create_params as stable_create
from anthropic.types.beta import message_count_tokens_params as beta_count
from anthropic.types.beta import message_create_params as beta_create

from tests.dialects.typed_dicts import fields, tags


def ollama_fields() -> dict[str, set[str]]:
    """The fields of Ollama's requests, and the options."""
    embed = {*ollama.EmbedRequest.model_fields, *ollama.EmbeddingsRequest.model_fields}
    kinds = {"chat": ollama.ChatRequest, "generate": ollama.GenerateRequest, "options": ollama.Options}
    create = {name.rstrip("_") for name in ollama.CreateRequest.model_fields}
    return {"embed": embed, "create": create, **{name: set(kind.model_fields) for name, kind in kinds.items()}}


def main() -> None:
    """Print one JSON object."""
    messages = [stable_create.MessageCreateParamsBase, beta_create.MessageCreateParamsBase]
    counts = [stable_count.MessageCountTokensParams, beta_count.MessageCountTokensParams]
    results = [
        typing.get_type_hints(kind)["content"] for kind in (stable.ToolResultBlockParam, beta.BetaToolResultBlockParam)
    ]
    holders = (
        stable.DocumentBlockParam,
        stable.ImageBlockParam,
        beta.BetaRequestDocumentBlockParam,
        beta.BetaImageBlockParam,
    )
    sources = [typing.get_type_hints(kind)["source"] for kind in holders]
    blocks = [stable.ContentBlockParam, beta.BetaContentBlockParam, *results]
    tools = tags(stable.ToolUnionParam) | tags(beta.BetaToolUnionParam)
    print(
        json.dumps(
            {
                "fields": sorted(set().union(*map(fields, [*messages, *counts])) | {"stream", "output_format"}),
                "blocks": sorted(set().union(*map(tags, blocks))),
                "sources": sorted(set().union(*map(tags, sources))),
                **{f"ollama {name}": sorted(kinds) for name, kinds in ollama_fields().items()},
                "tools": sorted({re.sub(r"_20\d{6}$", "", each) for each in tools}),
            }
        )
    )


if __name__ == "__main__":
    main()
