"""Converts batches to response bodies."""

from __future__ import annotations

from modelyard.batches.journal import BatchTokens
from modelyard.batches.rows import ENDED
from modelyard.batches.service import BatchView
from modelyard.protocol import batches as bodies


def batch_info(batch: BatchView) -> bodies.BatchInfo:
    """A batch as OpenAI describes one, with its owner."""
    row = batch.row
    ended = row.state in ENDED
    times = (
        "created",
        "in_progress",
        "expires",
        "finalizing",
        "completed",
        "failed",
        "expired",
        "cancelling",
        "cancelled",
    )
    return bodies.BatchInfo.model_validate(
        {
            "id": row.id,
            "endpoint": row.endpoint,
            "model": row.model,
            "input_file_id": row.input_file,
            "completion_window": row.completion_window,
            "status": row.state,
            "errors": {"data": row.problems} if row.problems else None,
            "output_file_id": row.output_file if ended else None,
            "error_file_id": row.error_file if ended else None,
            "request_counts": {"total": row.total or 0, "completed": batch.completed, "failed": batch.failed},
            "usage": _usage(batch.tokens) if batch.tokens is not None else None,
            "metadata": row.notes,
            "owner": row.owner,
            **{f"{name}_at": None if (at := getattr(row, f"{name}_at")) is None else int(at) for name in times},
        }
    )


def _usage(tokens: BatchTokens) -> bodies.BatchUsage:
    return bodies.BatchUsage(
        input_tokens=tokens.prompt,
        input_tokens_details=bodies.CachedTokens(cached_tokens=tokens.cached),
        output_tokens=tokens.answer,
        output_tokens_details=bodies.ReasoningTokens(reasoning_tokens=tokens.reasoning),
        total_tokens=tokens.prompt + tokens.answer,
    )
