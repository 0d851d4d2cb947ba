"""Exit codes of the command line."""

from __future__ import annotations

FAILED = 1
INTERRUPTED = 130
"""After Ctrl-C, as of a program that SIGINT ends."""
