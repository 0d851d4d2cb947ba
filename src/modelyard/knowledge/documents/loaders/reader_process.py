"""Reading and cutting in a child process: a parser that crashes, hangs or eats memory ends the child and never the server.

Each message is four bytes of length, big-endian, and JSON. The child reads a document at a time, ends with its input, and is
killed by the kernel if its parent dies while it reads.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import struct
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import msgspec

from modelyard.core.environment import cleaned
from modelyard.core.errors import DocumentUnreadable
from modelyard.core.wording import reason
from modelyard.knowledge.documents.loaders import load
from modelyard.knowledge.documents.loaders.base import LoadLimits
from modelyard.knowledge.documents.splitter import DEFAULT, Chunking, split
from modelyard.knowledge.types import Chunk, CutDocument

TIMEOUT = 300.0
"""Seconds that a document may take at most; `time_for` gives most of them less."""
BASE_SECONDS = 60.0
SECONDS_PER_MIB = 3.0
READERS = 2
"""Children that read at the same time, so that a slow document does not hold up all the others."""
MEMORY = 4 << 30
"""Bytes of address space that the child may use, on Linux."""
NICENESS = 10
DOCUMENTS = 200
"""Documents after which a child is replaced: parsers leak."""
LENGTH = struct.Struct(">I")
PR_SET_PDEATHSIG = 1


class ReadRequest(msgspec.Struct):
    """One document to read: the message from the parent to the child."""

    path: str
    name: str
    limits: LoadLimits
    ocr: bool
    chunking: Chunking


class ReadReply(msgspec.Struct):
    """The answer of the child: the text and pieces of a document, or the problem with it."""

    text: str = ""
    chunks: list[Chunk] = []
    metadata: Mapping[str, str] = {}
    notes: list[str] = []
    problem: str = ""
    spent: bool = False
    """Whether the child ends now, because it may be short of memory."""


class ReaderProcess:
    """One child, started with the first document and again after it ended; documents are read one at a time."""

    def __init__(self, timeout: float = TIMEOUT, memory: int = MEMORY) -> None:
        self._timeout = timeout
        self._memory = memory
        self._turn = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None
        self._documents = 0

    @property
    def pid(self) -> int | None:
        """The process id of the child, if one runs."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def cut(
        self,
        data_path: Path,
        name: str,
        chunking: Chunking = DEFAULT,
        limits: LoadLimits = LoadLimits(),  # noqa: B008
        ocr: bool = False,
    ) -> CutDocument:
        """Read a document by `load` and cut it by `split`. A child that dies or takes too long raises `DocumentUnreadable`."""
        message = msgspec.json.encode(ReadRequest(str(data_path), name, limits, ocr, chunking))
        async with self._turn:
            whole = False
            seconds = min(self._timeout, TIMEOUT if ocr else time_for(await asyncio.to_thread(_size, data_path)))
            try:
                async with asyncio.timeout(seconds):
                    encoded = await self._ask_again(message)
                    reply = await asyncio.to_thread(msgspec.json.decode, encoded, type=ReadReply)
                self._documents += 1
                whole = not reply.spent and self._documents < DOCUMENTS
            except TimeoutError as error:
                raise DocumentUnreadable(name, f"reading it took more than {seconds:g} s.") from error
            except (asyncio.IncompleteReadError, ConnectionError) as error:
                raise DocumentUnreadable(name, f"its parser broke down{await self._why()}.") from error
            finally:
                if not whole:  # also when cancelled: the answer would be taken for the next document's
                    self._kill()
        if reply.problem:
            raise DocumentUnreadable(name, reply.problem)
        return CutDocument(reply.text, reply.chunks, reply.metadata, reply.notes)

    async def _ask_again(self, message: bytes) -> bytes:
        """Ask the child; one that has read before may have died since, so a fresh one is tried once."""
        used = self._documents > 0
        try:
            return await self._ask(message)
        except (asyncio.IncompleteReadError, ConnectionError):
            if not used:
                raise
            self._kill()
            return await self._ask(message)

    async def _ask(self, message: bytes) -> bytes:
        process = await self._child()
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(LENGTH.pack(len(message)) + message)
        await process.stdin.drain()
        (length,) = LENGTH.unpack(await process.stdout.readexactly(LENGTH.size))
        return await process.stdout.readexactly(length)

    async def _child(self) -> asyncio.subprocess.Process:
        if self.pid is None:
            self._documents = 0
            few = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
            self._process = await asyncio.create_subprocess_exec(
                *(
                    sys.executable,
                    "-P",
                    "-m",
                    "modelyard.knowledge.documents.loaders.reader_process",
                    str(self._memory),
                    str(os.getpid()),
                ),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                env={**cleaned(os.environ), **few},
                start_new_session=True,
            )
        assert self._process is not None
        return self._process

    async def _why(self) -> str:
        """How the child ended, in brackets for a sentence; waits for its end for a second."""
        if self._process is None:
            return ""
        with suppress(TimeoutError):
            async with asyncio.timeout(1):
                code = await self._process.wait()
                return f" ({signal.Signals(-code).name})" if code < 0 else f" (exit code {code})"
        return ""

    def _kill(self) -> None:
        if self.pid is not None and self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()
        self._forget()

    def _forget(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.stdin is not None:
            process.stdin.close()

    async def close(self) -> None:
        """End the child, also while it reads; `cut` starts another."""
        process = self._process
        self._kill()
        if process is not None:
            await process.wait()


class Readers:
    """Several children; a document goes to one that is free, and waits where none is."""

    def __init__(self, count: int = READERS) -> None:
        self._all = [ReaderProcess() for _ in range(count)]
        self._idle = list(self._all)
        self._free = asyncio.Semaphore(count)

    async def cut(self, data_path: Path, name: str, chunking: Chunking, limits: LoadLimits, ocr: bool) -> CutDocument:
        """Read and cut a document in a free child, as `ReaderProcess.cut` does."""
        async with self._free:
            reader = self._idle.pop()
            try:
                return await reader.cut(data_path, name, chunking, limits, ocr)
            finally:
                self._idle.append(reader)

    async def close(self) -> None:
        """End all children, also those that read."""
        for reader in self._all:
            await reader.close()


def time_for(size: int) -> float:
    """Seconds that a document of `size` bytes may take where no pictures are read."""
    return BASE_SECONDS + SECONDS_PER_MIB * size / (1 << 20)


def _size(path: Path) -> int:
    """Bytes of a file; 0 where there is none, which the child reports."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _settle(memory: int, parent: int) -> None:
    """Lower the priority, limit the memory, and have the kernel end this process with its parent."""
    os.nice(NICENESS)
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit("the parent is gone")


def _read(message: bytes) -> ReadReply:
    request = msgspec.json.decode(message, type=ReadRequest)
    try:
        size = os.path.getsize(request.path)
        if size > request.limits.max_bytes:
            return ReadReply(problem=f"it is larger than {request.limits.max_bytes:,} bytes, the limit.")
        loaded = load(Path(request.path).read_bytes(), request.name, limits=request.limits, ocr=request.ocr)
        return ReadReply(loaded.text, split(loaded, request.chunking), loaded.metadata, list(loaded.notes))
    except DocumentUnreadable as error:
        return ReadReply(problem=error.problem, spent=isinstance(error.__cause__, MemoryError))
    except OSError as error:
        return ReadReply(problem=f"the file cannot be opened: {reason(error)}.")
    except MemoryError:
        return ReadReply(problem="reading it takes more memory than there is for it.", spent=True)


def serve(requests: BinaryIO, replies: BinaryIO) -> None:
    """Answer requests until they end, or until a document has used up the memory of this process."""
    while len(head := requests.read(LENGTH.size)) == LENGTH.size:
        reply = _read(requests.read(LENGTH.unpack(head)[0]))
        encoded = msgspec.json.encode(reply)
        replies.write(LENGTH.pack(len(encoded)))
        replies.write(encoded)
        replies.flush()
        if reply.spent:
            return


def main() -> None:
    """The entry point of the child. What libraries print goes to the server's log, not between the replies."""
    _settle(int(sys.argv[1]), int(sys.argv[2]))
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    serve(sys.stdin.buffer, replies)


if __name__ == "__main__":
    main()
