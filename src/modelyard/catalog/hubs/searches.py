"""The server's side of searches on hubs: each is a child process, which is killed when nobody waits for it any more."""

from __future__ import annotations

import asyncio
import os
import time

import msgspec

from modelyard.catalog.hubs.queries import CHILD_ENVIRONMENT, REMEMBER, command, last_object, raise_error
from modelyard.catalog.hubs.search_results import FoundPage, SearchQuery
from modelyard.core.environment import FOR_DOWNLOADS, cleaned
from modelyard.core.errors import HubUnavailable

PATIENCE = 30.0
"""Seconds that a hub has to answer a search."""
AT_ONCE = 4
"""Child processes at a time."""
MOST_REMEMBERED = 200


class HubSearches:
    """Searches hubs, and remembers what they answered for a minute. Use it on one event loop."""

    def __init__(self) -> None:
        self._room = asyncio.Semaphore(AT_ONCE)
        self._answers: dict[SearchQuery, tuple[float, FoundPage]] = {}

    async def search(self, query: SearchQuery) -> FoundPage:
        """A page of one hub. Raises the child's error, or `HubUnavailable`."""
        known = self._answers.get(query)
        if known is not None and time.monotonic() - known[0] < REMEMBER:
            return known[1]
        async with self._room:
            page = await _ask(query)
        self._answers.pop(query, None)
        while len(self._answers) >= MOST_REMEMBERED:
            del self._answers[next(iter(self._answers))]
        self._answers[query] = (time.monotonic(), page)
        return page


async def _ask(query: SearchQuery) -> FoundPage:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *command("search"),
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        env={**cleaned(os.environ, FOR_DOWNLOADS), **CHILD_ENVIRONMENT},
    )
    try:
        async with asyncio.timeout(PATIENCE):
            output, errors = await process.communicate(msgspec.json.encode(query))
    except TimeoutError:
        raise HubUnavailable(f"The hub did not answer the search within {PATIENCE:g} s; try again later.") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    found = last_object(output.decode("utf-8", "replace").splitlines())
    if found is None:
        words = errors.decode("utf-8", "replace").strip().splitlines()
        raise HubUnavailable(
            f"The hub could not be asked: {words[-1] if words else f'exit code {process.returncode}'}."
        )
    raise_error(found)
    return msgspec.convert(found["found"], FoundPage)
