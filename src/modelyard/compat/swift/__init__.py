"""The interfaces of ms-swift: its command lines, and its names in Python."""
