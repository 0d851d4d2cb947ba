"""Recorded passes: on a GPU the hundreds of kernels of a pass are launched as one CUDA graph instead of singly from Python.

A recording is made for a number of rows and of columns and played for all passes that fit into it. Rows that have no answer
write beyond what is known of them, where nobody looks.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from modelyard.engines.transformers.cache import COLUMN_STEP, RowCache

log = logging.getLogger(__name__)

Step = Callable[[Tensor, Tensor, int], Tensor]
"""One token of each row: from the last tokens `[row, 1]`, their columns `[row]` and the columns that are looked at to the
logits `[row, vocabulary]`."""
Record = Callable[[Callable[[], Tensor]], tuple[Callable[[], None], Tensor]]
"""Records what a function launches; returns what launches it again and where its outcome is afterwards."""


def cuda_graphs() -> Record:
    """For recordings that share their memory, so only one may be at work, and its outcome is good until the next one plays.

    Once all of them are gone, so is that memory, and others need another `Record`.
    """
    pool = torch.cuda.graph_pool_handle()

    def record(run: Callable[[], Tensor]) -> tuple[Callable[[], None], Tensor]:
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=pool, capture_error_mode="thread_local"):
            outcome = run()
        return graph.replay, outcome

    return record


def apart(got: Tensor, want: Tensor) -> float:
    """The largest difference of logits, relative to the largest of those that are wanted."""
    difference: float = ((got - want).abs().max() / want.abs().max().clamp(min=1e-6)).item()
    return difference


def can_record(model: Any) -> bool:
    """Whether all of a model is on one GPU with nothing between its layers that moves data."""
    devices = {weight.device for weight in model.parameters()}
    return len(devices) == 1 and devices.pop().type == "cuda" and not hasattr(model, "_hf_hook")


@dataclass(slots=True)
class Recording:
    """Plays one shape of pass."""

    inputs: Tensor
    """`[2, row]`: the last tokens, and their columns."""
    play: Callable[[], None]
    logits: Tensor


class Recordings:
    """Those of one model and its cache."""

    def __init__(
        self, step: Step, cache: RowCache, device: torch.device, tolerance: float, recorder: Callable[[], Record]
    ) -> None:
        """`tolerance` is how far the logits may be from those of the pass itself, relative to the largest."""
        self._step = step
        self._cache = cache
        self._device = device
        self._tolerance = tolerance
        self._recorder = recorder
        self._record: Record | None = recorder()
        self._made: dict[tuple[int, int], Recording] = {}
        cache.before_change = self.forget

    def write(self, last: Sequence[int | None], lengths: Sequence[int]) -> Tensor | None:
        """The logits of `Backend.write`, good until the next call; None when this model's passes cannot be recorded."""
        if self._record is None:
            return None
        rows = min(1 << (len(last) - 1).bit_length(), len(lengths))
        width = _wide(max(lengths[: len(last)]) + 1)
        self._cache.reserve(rows, max(width, max(lengths[:rows]) + 1))
        tokens = [*(token or 0 for token in last), *[0] * (rows - len(last))]
        inputs = torch.tensor([tokens, lengths[:rows]], device=self._device)
        found = self._made.get((rows, width))
        if found is None:
            return self._make(inputs, width)[: len(last)]
        found.inputs.copy_(inputs)
        found.play()
        return found.logits[: len(last)]

    def forget(self) -> None:
        """The model or its cache are about to be others."""
        self._made.clear()
        if self._record is not None:
            self._record = self._recorder()

    def _make(self, inputs: Tensor, width: int) -> Tensor:
        """Record a pass after it has been carried out, which leaves the libraries nothing to prepare; its logits."""
        assert self._record is not None
        tokens, columns = inputs[0].unsqueeze(1), inputs[1]
        logits = self._step(tokens, columns, width)
        try:
            play, found = self._record(lambda: self._step(tokens, columns, width))
            play()
            difference = apart(found, logits)
        except RuntimeError as error:
            self._give_up(str(error).strip().partition("\n")[0])
        else:
            if difference <= self._tolerance:
                self._made[len(columns), width] = Recording(inputs, play, found)
            else:
                self._give_up(f"a recorded pass differs by {difference:.2g} of the largest logit")
        return logits

    def _give_up(self, reason: str) -> None:
        self._made.clear()
        self._record = None
        log.warning("passes are not recorded as CUDA graphs, so tokens cost more time: %s", reason)


def _wide(columns: int) -> int:
    """So many or somewhat more: steps of a half, then of a third."""
    power = max(COLUMN_STEP, 1 << (columns - 1).bit_length())
    middle = power * 3 // 4
    return middle if columns <= middle and middle >= COLUMN_STEP else power
