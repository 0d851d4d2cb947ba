"""Limits of the processes that render templates, and the format of messages to them. Both sides import it, so it is small."""

from __future__ import annotations

import struct

LENGTH = struct.Struct(">I")
"""The length before each message."""
READY = b"\n"
"""The bytes that a process writes when it has started."""
SECONDS = 2.0
"""Seconds of processor time per template, after which the kernel ends the process (SIGPROF)."""
MEMORY = 512 << 20
"""Bytes of address space."""
LONGEST = 4 << 20
"""Maximum characters of a rendered text."""
