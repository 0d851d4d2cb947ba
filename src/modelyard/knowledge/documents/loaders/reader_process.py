"""Reads and splits documents, and draws their pages, in a child process.

A parser that crashes, hangs or uses too much memory ends only that process.

A message is its length in four bytes, big-endian, and JSON. The child reads one document at a time, ends when its input ends,
and is killed by the kernel if its parent dies.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import struct
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import BinaryIO, TypeVar

import msgspec

from modelyard.core.environment import cleaned
from modelyard.core.errors import DocumentUnreadable
from modelyard.core.wording import reason
from modelyard.knowledge.documents.loaders import load
from modelyard.knowledge.documents.loaders.base import LoadLimits
from modelyard.knowledge.documents.loaders.page_messages import BoxesRequest, PageImageRequest, ReaderReply
from modelyard.knowledge.documents.splitter import DEFAULT, Chunking, split
from modelyard.knowledge.types import Chunk, CutDocument

TIMEOUT = 300.0
"""Maximum seconds for a document; `time_for` gives most of them less."""
BASE_SECONDS = 60.0
SECONDS_PER_MIB = 3.0
READERS = 2
"""Number of concurrent children, so that a slow document does not delay all others."""
MEMORY = 4 << 30
"""Maximum bytes of address space of a child, on Linux."""
NICENESS = 10
DOCUMENTS = 200
"""Number of documents after which a child is replaced, because parsers leak memory."""
LENGTH = struct.Struct(">I")
PR_SET_PDEATHSIG = 1


class ReadRequest(msgspec.Struct, tag="read"):
    """The message for one document from the parent to the child."""

    path: str
    name: str
    limits: LoadLimits
    ocr: bool
    chunking: Chunking


class ReadReply(ReaderReply):
    """The child's reply: the text and chunks of a document, or its problem."""

    text: str = ""
    chunks: list[Chunk] = msgspec.field(default_factory=list)
    metadata: Mapping[str, str] = msgspec.field(default_factory=dict)
    notes: list[str] = msgspec.field(default_factory=list)


AnyRequest = ReadRequest | PageImageRequest | BoxesRequest
Reply = TypeVar("Reply", bound=ReaderReply)


class ReaderProcess:
    """One child, started for the first document and restarted after it has ended; reads one document at a time."""

    def __init__(self, timeout: float = TIMEOUT, memory: int = MEMORY) -> None:
        self._timeout = timeout
        self._memory = memory
        self._turn = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None
        self._documents = 0

    @property
    def pid(self) -> int | None:
        """The process id of the child, if it is running."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def cut(
        self,
        data_path: Path,
        name: str,
        chunking: Chunking = DEFAULT,
        limits: LoadLimits = LoadLimits(),  # noqa: B008
        ocr: bool = False,
    ) -> CutDocument:
        """Read a document with `load`, split it with `split`. Raises `DocumentUnreadable`, also if the child dies or is slow."""
        request = ReadRequest(str(data_path), name, limits, ocr, chunking)
        reply = await self.ask(request, ReadReply, TIMEOUT if ocr else None)
        return CutDocument(reply.text, reply.chunks, reply.metadata, reply.notes)

    async def ask(self, request: AnyRequest, expects: type[Reply], seconds: float | None = None) -> Reply:
        """Send a request about one file, and return the reply; without `seconds`, it may take as long as `time_for` says.

        Raises `DocumentUnreadable`, also if the child dies or is slow.
        """
        message, name = msgspec.json.encode(request), request.name
        async with self._turn:
            whole = False
            most = seconds or time_for(await asyncio.to_thread(_size, Path(request.path)))
            most = min(self._timeout, most)
            try:
                async with asyncio.timeout(most):
                    encoded = await self._ask_again(message)
                    reply = await asyncio.to_thread(msgspec.json.decode, encoded, type=expects)
                self._documents += 1
                whole = not reply.spent and self._documents < DOCUMENTS
            except TimeoutError as error:
                raise DocumentUnreadable(name, f"reading it took more than {most:g} s.") from error
            except (asyncio.IncompleteReadError, ConnectionError) as error:
                raise DocumentUnreadable(name, f"its parser crashed{await self._why()}.") from error
            finally:
                if not whole:  # also when cancelled, because the reply would be taken for that of the next document
                    self._kill()
        if reply.problem:
            raise DocumentUnreadable(name, reply.problem)
        return reply

    async def _ask_again(self, message: bytes) -> bytes:
        """Send the message; if a child that has read documents before has died since, a new one is tried once."""
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
        """How the child ended, in brackets for a sentence; waits up to a second for its end."""
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
        """End the child, even while it reads; `cut` starts another one."""
        process = self._process
        self._kill()
        if process is not None:
            await process.wait()


class Readers:
    """Several children; each document is read by an idle one, and waits if there is none."""

    def __init__(self, count: int = READERS) -> None:
        self._all = [ReaderProcess() for _ in range(count)]
        self._idle = list(self._all)
        self._free = asyncio.Semaphore(count)

    async def cut(self, data_path: Path, name: str, chunking: Chunking, limits: LoadLimits, ocr: bool) -> CutDocument:
        """Read and split a document in an idle child; see `ReaderProcess.cut`."""
        async with self._one() as reader:
            return await reader.cut(data_path, name, chunking, limits, ocr)

    async def ask(self, request: AnyRequest, expects: type[Reply]) -> Reply:
        """Send a request to an idle child; see `ReaderProcess.ask`."""
        async with self._one() as reader:
            return await reader.ask(request, expects)

    @asynccontextmanager
    async def _one(self) -> AsyncIterator[ReaderProcess]:
        async with self._free:
            reader = self._idle.pop()
            try:
                yield reader
            finally:
                self._idle.append(reader)

    async def close(self) -> None:
        """End all children, including those that are reading."""
        for reader in self._all:
            await reader.close()


def time_for(size: int) -> float:
    """Maximum seconds for a document of `size` bytes, if no pictures are read."""
    return BASE_SECONDS + SECONDS_PER_MIB * size / (1 << 20)


def _size(path: Path) -> int:
    """Bytes of a file; 0 if it does not exist, which the child reports."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _settle(memory: int, parent: int) -> None:
    """Lower the priority, limit the memory, and let the kernel end this process with its parent."""
    os.nice(NICENESS)
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit("the parent is gone")


def _answer(message: bytes) -> ReaderReply:
    request: AnyRequest = msgspec.json.decode(message, type=AnyRequest)
    try:
        return _read(request) if isinstance(request, ReadRequest) else _look(request)
    except DocumentUnreadable as error:
        return ReaderReply(error.problem, isinstance(error.__cause__, MemoryError))
    except OSError as error:
        return ReaderReply(f"the file cannot be opened: {reason(error)}.")
    except MemoryError:
        return ReaderReply("reading it needs more memory than is available.", True)


def _read(request: ReadRequest) -> ReadReply:
    size = os.path.getsize(request.path)
    if size > request.limits.max_bytes:
        return ReadReply(problem=f"it is larger than {request.limits.max_bytes:,} bytes, the limit.")
    loaded = load(Path(request.path).read_bytes(), request.name, limits=request.limits, ocr=request.ocr)
    return ReadReply(
        text=loaded.text,
        chunks=split(loaded, request.chunking),
        metadata=loaded.metadata,
        notes=list(loaded.notes),
    )


def _look(request: PageImageRequest | BoxesRequest) -> ReaderReply:
    from modelyard.knowledge.documents.loaders import pdf_pages

    return pdf_pages.image(request) if isinstance(request, PageImageRequest) else pdf_pages.boxes(request)


def serve(requests: BinaryIO, replies: BinaryIO) -> None:
    """Answer requests until the input ends, or until a document has used up the memory of this process."""
    while len(head := requests.read(LENGTH.size)) == LENGTH.size:
        reply = _answer(requests.read(LENGTH.unpack(head)[0]))
        encoded = msgspec.json.encode(reply)
        replies.write(LENGTH.pack(len(encoded)))
        replies.write(encoded)
        replies.flush()
        if reply.spent:
            return


def main() -> None:
    """The entry point of the child. Output of libraries goes to the server's log, so that it does not mix with replies."""
    _settle(int(sys.argv[1]), int(sys.argv[2]))
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    serve(sys.stdin.buffer, replies)


if __name__ == "__main__":
    main()
