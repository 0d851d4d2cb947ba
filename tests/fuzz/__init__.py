"""A fuzz of a real server: made-up requests for every route, and bytes that are no requests. `python -m tests.fuzz --help`."""
