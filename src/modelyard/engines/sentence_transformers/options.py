"""Launch options of sentence-transformers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from modelyard.core.errors import InvalidParameter
from modelyard.core.trust import Privilege
from modelyard.core.types import Json, Launch
from modelyard.engines.base import option_privileges, read_options

NAME = "sentence_transformers"

CPU_TOKENS = 2048
GPU_TOKENS = 32768
"""Default padded tokens of one pass: beyond this a pass takes longer without higher throughput."""

ALIASES = {"max_seq_length": "max_length", "max_model_len": "max_length", "context_length": "max_length"}
"""Names in other servers → ours."""

Pooling = Literal["", "cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"]


class SentenceTransformersOptions(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Options of a launch on sentence-transformers. Zero, empty or `auto` means a default that depends on the model."""

    dtype: Annotated[
        Literal["auto", "float32", "float16", "bfloat16"],
        Meta(description="Type of the weights; `auto` is float32 on the CPU and what the files have on a GPU"),
    ] = "auto"
    device: Annotated[
        str, Meta(description="Where to compute, such as `cpu` or `cuda:0`; empty: the launch's GPU, else the CPU")
    ] = ""
    n_threads: Annotated[int, Meta(ge=0, description="CPU threads; 0 is torch's own choice")] = 0
    max_batch_tokens: Annotated[
        int, Meta(ge=0, description="Most tokens of one pass, padding included; 0 is 2048 on the CPU, 32768 on a GPU")
    ] = 0
    max_waiting: Annotated[
        int, Meta(ge=1, description="Texts that may wait to be computed; a request that would make them more is a 503")
    ] = 100_000
    max_length: Annotated[
        int,
        Meta(
            ge=0, description="Most tokens of one text; 0 is the model's own limit, and more than that is not possible"
        ),
    ] = 0
    truncate: Annotated[
        bool, Meta(description="Cut texts that are too long, instead of refusing those that do not ask for it")
    ] = False
    normalize: Annotated[bool, Meta(description="Give every vector the length 1")] = True
    pooling: Annotated[
        Pooling,
        Meta(description="How token vectors become one; empty: what the folder says, or `mean` where it does not"),
    ] = ""
    prompt_name: Annotated[
        str, Meta(description="Which of the model's prompts stands before texts of requests that name none")
    ] = ""
    query_prompt_name: Annotated[
        str, Meta(description="Which prompt stands before texts of requests with input_type `query`")
    ] = "query"
    document_prompt_name: Annotated[
        str, Meta(description="Which prompt stands before texts of requests with input_type `document`")
    ] = "document"
    safe_labels: Annotated[
        str,
        Meta(
            description="Labels of a classifier that moderation does not flag, with commas between them; empty: those with "
            "harmless names, such as `safe`, `neutral` and `not_spam`"
        ),
    ] = ""
    trust_remote_code: Annotated[bool, Meta(description="Run Python code that the model's folder brings")] = False


OPEN = frozenset(
    {"dtype", "device", "n_threads", "max_batch_tokens", "max_waiting", "max_length", "truncate", "normalize", "pooling",
     "prompt_name", "query_prompt_name", "document_prompt_name", "safe_labels"}
)  # fmt: skip
"""Options that are open to every caller."""


def read(launch: Launch) -> SentenceTransformersOptions:
    """The launch's options, checked. Raises `UnknownOption` or `InvalidParameter`."""
    given: dict[str, Json] = {}
    for key, value in launch.options.items():
        name = ALIASES.get(key, key)
        if name in given:
            raise InvalidParameter(key, f"means '{name}', which is given too.")
        given[name] = value
    return read_options(NAME, SentenceTransformersOptions, given)


def privileges(options: SentenceTransformersOptions) -> Iterator[Privilege]:
    """The options that are not open to every caller, as privileges."""
    yield from option_privileges(options, OPEN)


def batch_tokens(options: SentenceTransformersOptions, on_gpu: bool) -> int:
    """Maximum padded tokens of one pass."""
    return options.max_batch_tokens or (GPU_TOKENS if on_gpu else CPU_TOKENS)
