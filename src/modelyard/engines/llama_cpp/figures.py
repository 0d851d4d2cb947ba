"""Figures of a llama.cpp replica for the server: llama.cpp's own metrics, what waits in our front, use of the KV cache."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from modelyard.core.types import ReplicaFigure

PATH = "/metrics"
SLOTS = b"/slots"
WAITING = "replica_requests_waiting"
SHARE = "replica_kv_cache_share"
FIGURES: Mapping[str, Sequence[ReplicaFigure]] = {
    "llamacpp:requests_deferred": ("queued",),
    WAITING: ("queued",),
    SHARE: ("kv_cache",),
    "llamacpp:prompt_tokens_total": ("prefix_queries",),
    "llamacpp:prompt_tokens_cached_total": ("prefix_queries", "prefix_hits"),
}


class SlotState(msgspec.Struct):
    """One slot as llama.cpp describes it."""

    n_ctx: int = 0
    is_processing: bool = False
    n_prompt_tokens: int = 0
    """Tokens of the prompt and of the answer so far."""


def share_used(slots: bytes) -> float | None:
    """The share of the KV cache that the running requests use, by the answer of `/slots`; None if it does not say."""
    try:
        found = msgspec.json.decode(slots, type=list[SlotState])
    except msgspec.DecodeError:
        return None
    room = sum(slot.n_ctx for slot in found)
    used = sum(min(slot.n_prompt_tokens, slot.n_ctx) for slot in found if slot.is_processing)
    return used / room if room else None


def metrics(own: bytes, slots: bytes, waiting: int) -> bytes:
    """llama.cpp's metrics with those of the front behind them."""
    share = share_used(slots)
    lines = [f"{WAITING} {waiting}", *([] if share is None else [f"{SHARE} {share:.6f}"])]
    return own.rstrip(b"\n") + b"\n" + "".join(f"{line}\n" for line in lines).encode()
