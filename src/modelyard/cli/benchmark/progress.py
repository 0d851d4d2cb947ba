"""Shows the progress of a run as one line on a terminal. Drawn without a library, because this process also measures."""

from __future__ import annotations

import sys
import time

from modelyard.cli.benchmark.load import LoadOutcome

PAUSE = 0.2
BAR = 24


class TerminalProgress:
    """The progress line on stderr; does nothing if stderr is not a terminal."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()

    def show(self, outcome: LoadOutcome) -> None:
        """Redraw the line."""
        if self._live:
            sys.stderr.write(f"\r\x1b[2K{line(outcome, time.perf_counter() - outcome.began)}")
            sys.stderr.flush()

    def end(self) -> None:
        """Erase the line."""
        if self._live:
            sys.stderr.write("\r\x1b[2K")
            sys.stderr.flush()


def line(outcome: LoadOutcome, seconds: float) -> str:
    """The state of a run after some seconds, usually in less than 80 columns."""
    done = len(outcome.samples)
    full = BAR * done // outcome.total if outcome.total else BAR
    parts = [f"{done}/{outcome.total}", f"{outcome.running} running"]
    if outcome.failed:
        parts.append(f"{outcome.failed} failed")
    if seconds > 0 and outcome.began:
        parts += [
            f"{outcome.completed / seconds:.1f} req/s",
            f"{outcome.tokens / seconds:.0f} tok/s",
            f"{seconds:.0f} s",
        ]
    return f"{'█' * full}{'░' * (BAR - full)}  {'  '.join(parts)}"
