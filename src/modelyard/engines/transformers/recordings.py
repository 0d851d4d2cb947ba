"""Recorded passes: on a GPU the hundreds of kernels of a pass are launched as one CUDA graph instead of singly from Python.

A recording is made for a number of rows and of columns, and replayed for all passes that fit into it. Rows without an answer
write beyond the cached tokens, where no token attends.
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
"""Generates one token per row: from the last tokens `[row, 1]`, their columns `[row]` and the number of columns attended to,
returns logits `[row, vocabulary]`."""
Record = Callable[[Callable[[], Tensor]], tuple[Callable[[], None], Tensor]]
"""Records the kernels of a function; returns a function that replays them, and the tensor with their result."""


def cuda_graphs() -> Record:
    """A `Record` whose recordings share memory: only one may run at a time, and a result is valid until the next replay.

    The memory is freed with the last recording; further ones need another `Record`.
    """
    pool = torch.cuda.graph_pool_handle()

    def record(run: Callable[[], Tensor]) -> tuple[Callable[[], None], Tensor]:
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=pool, capture_error_mode="thread_local"):
            outcome = run()
        return graph.replay, outcome

    return record


def apart(result: Tensor, reference: Tensor) -> float:
    """The largest difference of logits, relative to the largest expected one."""
    difference: float = ((result - reference).abs().max() / reference.abs().max().clamp(min=1e-6)).item()
    return difference


def can_record(model: Any) -> bool:
    """Whether the whole model is on one GPU, with nothing between its layers that moves data."""
    devices = {weight.device for weight in model.parameters()}
    return len(devices) == 1 and devices.pop().type == "cuda" and not hasattr(model, "_hf_hook")


@dataclass(slots=True)
class Recording:
    """Replays one shape of pass."""

    inputs: Tensor
    """`[2, row]`: the last tokens, and their columns."""
    play: Callable[[], None]
    logits: Tensor


class Recordings:
    """The recordings of one model and its cache."""

    def __init__(
        self, step: Step, cache: RowCache, device: torch.device, tolerance: float, recorder: Callable[[], Record]
    ) -> None:
        """`tolerance` is the maximum difference from the logits of an unrecorded pass, relative to the largest one."""
        self._step = step
        self._cache = cache
        self._device = device
        self._tolerance = tolerance
        self._recorder = recorder
        self._record: Record | None = recorder()
        self._made: dict[tuple[int, int], Recording] = {}
        cache.before_change = self.forget

    def write(self, last: Sequence[int | None], lengths: Sequence[int]) -> Tensor | None:
        """The logits of `Backend.write`, valid until the next call; None if this model's passes cannot be recorded."""
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
        """Delete all recordings, because the model or its cache will change."""
        self._made.clear()
        if self._record is not None:
            self._record = self._recorder()

    def _make(self, inputs: Tensor, width: int) -> Tensor:
        """Record a pass, after running it once so that the libraries are initialised; returns its logits."""
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
    """Round up the number of columns, in steps of a half, then of a third."""
    power = max(COLUMN_STEP, 1 << (columns - 1).bit_length())
    middle = power * 3 // 4
    return middle if columns <= middle and middle >= COLUMN_STEP else power
