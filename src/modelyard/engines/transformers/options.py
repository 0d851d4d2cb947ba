"""Launch options of transformers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from modelyard.core.errors import InvalidParameter
from modelyard.core.trust import Privilege
from modelyard.core.types import Json, Launch
from modelyard.engines.base import option_privileges, read_options, template_privileges

NAME = "transformers"

GENERATION_CONTEXT = 8192
UNKNOWN_CONTEXT = 4096
"""Tokens of context if the launch gives no number: the model's own context, but at most this."""

ALIASES = {
    "context_length": "max_model_len",
    "n_ctx": "max_model_len",
    "parallel": "max_num_seqs",
    "n_parallel": "max_num_seqs",
    "threads": "n_threads",
    "torch_dtype": "dtype",
    "allowed_media_domains": "allowed_media_hosts",
}
"""Names in Xinference, ms-swift and vLLM → ours."""


class TransformersOptions(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Options of a launch on transformers. Zero, empty or `auto` means a default that depends on the model."""

    max_model_len: Annotated[
        int, Meta(ge=0, description="Context of each request in tokens; 0 is the model's own, up to 8192")
    ] = 0
    max_num_seqs: Annotated[int, Meta(ge=1, le=256, description="Answers computed at once")] = 16
    max_num_batched_tokens: Annotated[
        int, Meta(ge=16, description="Most prompt tokens that are read between two tokens of the answers under way")
    ] = 512
    dtype: Annotated[
        Literal["auto", "float32", "float16", "bfloat16"],
        Meta(description="Type of weights and cache; `auto` is float32 on a CPU, else what the files have"),
    ] = "auto"
    device: Annotated[
        str, Meta(description="`cpu`, `cuda`, `cuda:1`, `mps`; `auto` follows the launch's GPUs", min_length=1)
    ] = "auto"
    enforce_eager: Annotated[
        bool, Meta(description="On a GPU, record no CUDA graphs of the passes that write tokens")
    ] = False
    n_threads: Annotated[int, Meta(ge=0, description="CPU threads; 0 is the number of cores")] = 0
    trust_remote_code: Annotated[
        bool, Meta(description="Run Python code that comes with the model's files; only for files you trust")
    ] = False
    chat_template: Annotated[str, Meta(description="Jinja text, or the path of a file with it; empty: the model's")] = (
        ""
    )
    tool_call_parser: Annotated[
        Literal["auto", "hermes", "llama3_json", "mistral"],
        Meta(description="How the model writes tool calls; `auto` reads it from the chat template"),
    ] = "auto"
    allowed_media_hosts: Annotated[
        str,
        Meta(
            description="Hosts, as `name` or `name:port` with commas between, from which alone pictures of messages are fetched; "
            "empty: all that the setting MODELYARD_FETCH_HOSTS lets, which a private host needs in any case. `detail` of a "
            "picture has no effect"
        ),
    ] = ""
    enable_thinking: Annotated[bool | None, Meta(description="Default of the template's thinking switch")] = None


OPEN = frozenset(
    {"max_model_len", "max_num_seqs", "max_num_batched_tokens", "dtype", "device", "enforce_eager", "n_threads",
     "chat_template", "tool_call_parser", "enable_thinking"}
)  # fmt: skip
"""Options that are open to every caller; `chat_template` has a rule of its own below."""


def read(launch: Launch) -> TransformersOptions:
    """The launch's options, checked. Raises `UnknownOption` or `InvalidParameter`."""
    given: dict[str, Json] = {}
    for key, value in launch.options.items():
        name = ALIASES.get(key, key)
        if name in given or (name != key and name in launch.options):
            raise InvalidParameter(key, f"means '{name}', which is given too.")
        given[name] = value
    return read_options(NAME, TransformersOptions, given)


def privileges(options: TransformersOptions) -> Iterator[Privilege]:
    """The options that are not open to every caller, as privileges."""
    yield from option_privileges(options, OPEN)
    yield from template_privileges(options.chat_template)


def context(launch: Launch, options: TransformersOptions) -> int:
    """Tokens of context per request."""
    most = launch.model.context_length
    if options.max_model_len and most and options.max_model_len > most:
        raise InvalidParameter(
            "max_model_len", f"it is {options.max_model_len}, and the model was made for {most} tokens."
        )
    return options.max_model_len or min(most or UNKNOWN_CONTEXT, GENERATION_CONTEXT)


def template_text(given: str) -> str:
    """A chat template, given as text or as the path of a file."""
    if "{" not in given and (file := Path(given).expanduser()).is_file():
        return file.read_text(encoding="utf-8")
    return given
