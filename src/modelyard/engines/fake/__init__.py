"""An engine without weights for tests: made-up answers over real HTTP, with an option for every way an engine can fail.

This file has the registered engine; the server is `__main__.py`, and its answers are computed by `answers.py`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from modelyard.core.trust import Privilege
from modelyard.core.types import Adapter, Address, Footprint, Hardware, Launch, Model, ModelType, ReplicaFigure, Task
from modelyard.engines.base import Command, Engine, Fit, Profile, read_options, token_header

TOKEN_VARIABLE = "FAKE_ENGINE_TOKEN"
"""Environment variable with the replica's token; argument lists are readable by every user."""

TOKENS = (Task.TOKENIZATION, Task.DETOKENIZATION)
TASKS = {
    ModelType.LLM: frozenset({Task.CHAT, Task.COMPLETION, *TOKENS}),
    ModelType.EMBEDDING: frozenset({Task.EMBEDDING, *TOKENS}),
    ModelType.RERANK: frozenset({Task.RERANK, Task.CLASSIFICATION, *TOKENS}),
}

FIGURES: Mapping[str, Sequence[ReplicaFigure]] = {
    "fake_queued": ("queued",),
    "fake_kv_cache_share": ("kv_cache",),
}

Count = Annotated[int, Meta(ge=0)]


class FakeOptions(msgspec.Struct, kw_only=True, frozen=True):
    """Options of the fake engine. A request may set them for itself in a body field named `fake`."""

    load_seconds: Annotated[float, Meta(ge=0, description="Seconds until `/health` answers 200")] = 0.0
    tokens: Annotated[int, Meta(ge=0, description="Length of an answer, unless `max_tokens` is smaller")] = 16
    tokens_per_second: Annotated[float, Meta(ge=0, description="Speed of one answer; 0 is as fast as possible")] = 0.0
    chunk_tokens: Annotated[int, Meta(ge=1, description="Tokens per streamed event")] = 1
    chunk_bytes: Annotated[int, Meta(ge=0, description="Pad the text of each token to this many bytes")] = 0
    answer_seconds: Annotated[float, Meta(ge=0, description="Seconds until embeddings and rankings are answered")] = 0.0
    dimensions: Annotated[int, Meta(ge=1, description="Width of embedding vectors")] = 32
    slots: Annotated[int, Meta(ge=0, description="Answers generated at once, others queue; 0 is no limit")] = 0
    memory_mb: Annotated[int, Meta(ge=0, description="Memory the replica claims to need; nothing is allocated")] = 1
    error_status: Annotated[int, Meta(ge=0, le=599, description="Answer every request with this status")] = 0
    crash_at_start: Annotated[str, Meta(description="Exit at once with this error text")] = ""
    crash_after: Annotated[int, Meta(ge=0, description="Die after this many tokens of an answer; 0 is never")] = 0
    crash_after_requests: Annotated[int, Meta(ge=0, description="Die on this request; 0 is never")] = 0
    hang: Annotated[bool, Meta(description="Take requests, never answer them")] = False
    hang_after: Annotated[int, Meta(ge=0, description="Fall silent after this many tokens; 0 is never")] = 0
    garbage: Annotated[bool, Meta(description="Answer bytes that are not HTTP")] = False
    close_after: Annotated[bool, Meta(description="Close each connection once its answer is complete")] = False
    adapter_error: Annotated[str, Meta(description="Refuse every adapter with this text")] = ""
    ignore_sigterm: Annotated[bool, Meta(description="Stay alive on SIGTERM")] = False


class FakeEngine(Engine):
    """The registered engine. Pure, like all engines."""

    name = "fake"
    profile = Profile("fake", types=tuple(TASKS), devices=frozenset({"cpu"}), weightless="fake", for_tests=True)
    Options = FakeOptions

    def fits(self, model: Model, hardware: Hardware) -> Fit:
        if model.format == self.profile.weightless:
            return Fit(1, "made-up answers, no weights")
        return Fit(0, f"it only pretends to run models of format 'fake', not '{model.format}'")

    def footprint(self, launch: Launch) -> Footprint:
        options = read_options(self.name, FakeOptions, launch.options)
        return Footprint(weights=options.memory_mb * 1024 * 1024, kv_cache=0, overhead=0)

    def command(self, launch: Launch, listen: Address, token: str) -> Command:
        options = read_options(self.name, FakeOptions, launch.options)
        config = FakeConfig(uid=launch.uid, uds=listen.uds, host=listen.host, port=listen.port, options=options)
        return Command(
            argv=(sys.executable, "-m", "modelyard.engines.fake", msgspec.json.encode(config).decode()),
            address=listen,
            tasks=TASKS.get(launch.model.type, frozenset()),
            env={TOKEN_VARIABLE: token} if token else {},
            headers=token_header(token),
            hot_adapters=True,
            figures=FIGURES,
        )

    def privileges(self, launch: Launch) -> Iterable[Privilege]:
        """None, because it runs no code of callers."""
        return ()

    def check_adapter(self, launch: Launch, adapter: Adapter) -> None:
        """Accept every adapter, because only its name is used."""


engine = FakeEngine()


class FakeConfig(msgspec.Struct, kw_only=True):
    """The argument of the process, as JSON."""

    uid: str
    uds: str | None = None
    host: str = "127.0.0.1"
    port: int = 0
    options: FakeOptions = FakeOptions()
