"""Probes that an engine does not pass yet, by its name. Temporary: a probe that passes must leave this list."""

from __future__ import annotations

PENDING: dict[str, frozenset[str]] = {
    "llama_cpp": frozenset({
        "`repetition_penalty` 1 changes nothing, and must be above 0",
        "`logit_bias` 100 and -100 at each token; ids that are none are refused",
        "`logprobs` with `top_logprobs` 0 and 20, streamed as whole, for each choice",
        "`logprobs` in Chinese, and with tools",
        "ids, kinds, fingerprints; each delta has `content`",
        "usage of several choices, streamed as whole",
        "a prompt that is too long is a 400 `context_length_exceeded` with both numbers",
        "`max_tokens` 0",
        "`reasoning` beside `reasoning_content`, in answers and in the history",
        "a form with `logit_bias` beside it",
        "`min_tokens`",
        "`include_stop_str_in_output`",
        "`return_token_ids`",
        "`stream_options.continuous_usage_stats`",
        "`logprobs` 0 and 5, with several prompts",
        "ids, kinds and fingerprints",
        "usage of several prompts and choices, streamed as whole",
        "a text that is too long is a 400 `context_length_exceeded`",
        "no text at all, and an empty one, are a 400 that names them",
        "no documents, and no query, are a 400 that names them",
        "a document that is too long is a 400 `context_length_exceeded`",
    }),
}  # fmt: skip


def is_pending(engine: str, name: str) -> bool:
    """Whether a probe is known to fail on an engine."""
    return name in PENDING.get(engine, ())
