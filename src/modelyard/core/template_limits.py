"""Limits of the processes that render templates, and the format of messages to them; imported by both sides, and light."""

from __future__ import annotations

import struct

LENGTH = struct.Struct(">I")
"""Stands before each message."""
READY = b"\n"
"""The bytes that a process writes once it has started."""
SECONDS = 2.0
"""Processor time of one template, after which the kernel ends the process (SIGPROF)."""
MEMORY = 512 << 20
"""Bytes of address space."""
LONGEST = 4 << 20
"""Characters of what a template makes."""
