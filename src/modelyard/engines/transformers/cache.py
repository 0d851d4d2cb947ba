"""Keys and values of many answers in one buffer per layer: an answer is a row, a token a column, without padding.

A pass works either on one row, which reads a part of its prompt, or on the first rows together, each at its own column.
Columns of a row beyond its own tokens are never attended to, because the mask ends at the token.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers.cache_utils import Cache, CacheLayerMixin

COLUMN_STEP = 128
"""Buffers grow to a multiple of this, and at least to twice the size."""


@dataclass(slots=True)
class WritePosition:
    """The position at which the current pass writes. One object, shared by all layers."""

    row: int | None = None
    """The row that reads its prompt; None if the first `rows` write one token each."""
    rows: int = 0
    each_row: Tensor | None = None
    """0, 1, … for those rows."""
    columns: Tensor | None = None
    """The column of each row's token."""
    start: int = 0
    """The first column that the reading row writes."""
    width: int = 0
    """Number of columns that are attended to."""
    row_capacity: int = 0
    column_capacity: int = 0


class Layer(CacheLayerMixin):  # type: ignore[misc]
    """One layer's buffers, `[row, head, column, dimension]`."""

    def __init__(self, place: WritePosition) -> None:
        super().__init__()
        self.place = place

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Create buffers of zeros, because a masked column still takes part with weight zero and must not be NaN."""
        place = self.place
        self.keys = self._buffer(key_states, place)
        self.values = self._buffer(value_states, place)
        self.is_initialized = True

    @staticmethod
    def _buffer(like: Tensor, place: WritePosition) -> Tensor:
        return like.new_zeros((place.row_capacity, like.shape[1], place.column_capacity, like.shape[3]))

    def grow(self) -> None:
        """Grow to the capacity that the position has."""
        if not self.is_initialized:
            return
        for name in ("keys", "values"):
            old = getattr(self, name)
            new = self._buffer(old, self.place)
            new[: old.shape[0], :, : old.shape[2]] = old
            setattr(self, name, new)

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: object, **kwargs: object
    ) -> tuple[Tensor, Tensor]:
        """Write the new tokens; returns the keys and values that they may attend to."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        place = self.place
        if place.row is not None:
            row = slice(place.row, place.row + 1)
            self.keys[row, :, place.start : place.width] = key_states
            self.values[row, :, place.start : place.width] = value_states
            return self.keys[row, :, : place.width], self.values[row, :, : place.width]
        self.keys[place.each_row, :, place.columns] = key_states[:, :, 0]
        self.values[place.each_row, :, place.columns] = value_states[:, :, 0]
        return self.keys[: place.rows, :, : place.width], self.values[: place.rows, :, : place.width]

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self.place.width, 0

    def get_seq_length(self) -> int:
        return self.place.width

    def get_max_length(self) -> int:
        return -1


class RowCache(Cache):  # type: ignore[misc]
    """The object that the model receives as `past_key_values`."""

    def __init__(self, layers: int) -> None:
        self.place = WritePosition()
        self.before_change: Callable[[], None] = lambda: None
        """Called before the buffers are replaced."""
        super().__init__(layers=[Layer(self.place) for _ in range(layers)])

    def for_reading(self, row: int, start: int, count: int) -> None:
        """Prepare for a pass that reads `count` tokens of one row."""
        self.reserve(row + 1, start + count)
        place = self.place
        place.row, place.start, place.width = row, start, start + count

    def for_writing(self, columns: Tensor, width: int) -> None:
        """Prepare for a pass that writes one token of each of the first rows."""
        self.reserve(len(columns), width)
        place = self.place
        place.row, place.rows, place.columns, place.width = None, len(columns), columns, width
        place.each_row = torch.arange(len(columns), device=columns.device)

    def copy(self, source: int, target: int, length: int) -> None:
        """Copy the first `length` tokens of a row to another row."""
        self.reserve(max(source, target) + 1, length)
        for layer in self.layers:
            layer.keys[target, :, :length] = layer.keys[source, :, :length]
            layer.values[target, :, :length] = layer.values[source, :, :length]

    def clear(self) -> None:
        """Release the memory."""
        self.place.row_capacity = self.place.column_capacity = 0
        self.before_change()
        for layer in self.layers:
            layer.keys = layer.values = None
            layer.is_initialized = False

    def reserve(self, rows: int, columns: int) -> None:
        """Ensure space for this many rows and columns."""
        place = self.place
        if rows <= place.row_capacity and columns <= place.column_capacity:
            return
        self.before_change()
        if rows > place.row_capacity:
            place.row_capacity = max(rows, 2 * place.row_capacity)
        if columns > place.column_capacity:
            columns = max(columns, 2 * place.column_capacity)
            place.column_capacity = -(-columns // COLUMN_STEP) * COLUMN_STEP
        for layer in self.layers:
            layer.grow()
