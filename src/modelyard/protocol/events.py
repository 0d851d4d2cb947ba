"""Reads server-sent events: takes bytes as they arrive, and returns the data of each event."""

from __future__ import annotations

from collections.abc import Iterator

DONE = b"[DONE]"
PREFIX = b"data: "


class EventReader:
    r"""Decodes server-sent events from pieces of any size. Accepts `\n`, `\r\n` and `\r`, comments, and data of many lines.

    Lines are split before they are decoded, so a character that is cut by two pieces is read whole. `[DONE]` is left out.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []

    def feed(self, portion: bytes) -> Iterator[bytes]:
        """Returns the data of the events that these bytes complete."""
        text = self._rest + portion if self._rest else portion
        if self._data or b"\r" in text:
            yield from self._feed_lines(text)
            return
        *events, self._rest = text.split(b"\n\n")
        for event in events:
            if event.startswith(PREFIX) and b"\n" not in event:  # as engines write them
                if (data := event[len(PREFIX) :]).strip() != DONE:
                    yield data
            else:
                yield from self._lines([*event.split(b"\n"), b""])

    def finish(self) -> Iterator[bytes]:
        """Returns the data of the last event, if the server closed the connection without the empty line that ends it."""
        yield from self.feed(b"\n\n")

    def _feed_lines(self, text: bytes) -> Iterator[bytes]:
        # A portion may end between \r and \n; the \r waits for what follows.
        held = b"\r" if text.endswith(b"\r") else b""
        lines = text.removesuffix(held).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._rest = lines.pop() + held
        yield from self._lines(lines)

    def _lines(self, lines: list[bytes]) -> Iterator[bytes]:
        for line in lines:
            if line:
                self._line(line)
            elif self._data:
                data = b"\n".join(self._data)
                self._data.clear()
                if data.strip() != DONE:
                    yield data

    def _line(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
        elif name == b"error":  # llama.cpp's server reports a broken stream in a field of that name
            self._data.append(b'{"error":' + value + b"}")
