"""A language model as the routes see it: what was asked, checked and counted in tokens, and its answers as they come."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import msgspec
from msgspec import UNSET

from modelyard import __version__
from modelyard.core.errors import ContextLengthExceeded, InternalError, InvalidParameter
from modelyard.core.fetching import hosts_of_replica
from modelyard.core.stops import Stops
from modelyard.engines.generation import NOTHING, Drawn, Grammar, Language, Source, Wish
from modelyard.engines.media import AT_ONCE
from modelyard.engines.served import Config
from modelyard.serving.adapters import Named
from modelyard.serving.batching import Generation, Piece, Scheduler
from modelyard.serving.bodies import Asked
from modelyard.serving.text import Characters

READING = 512
"""Prompt tokens between two tokens of the answers under way, where the engine's options do not say."""

LONGER = "shorten it, or launch the model with a larger max_model_len"


@dataclass(frozen=True, slots=True)
class Limits:
    """When an answer ends."""

    most: int
    ends: frozenset[int]
    stops: tuple[str, ...]
    skip_special: bool
    stop_shown: bool = False


class Writer:
    """The prepared model of a replica that writes text."""

    def __init__(self, language: Language, config: Config) -> None:
        self.language = language
        self.uid = config.uid
        self.fingerprint = fingerprint(config)
        self.stop = config.stop
        self.tool_call_parser = str(config.options.get("tool_call_parser", "auto"))
        self.hosts = hosts_of_replica(only=str(config.options.get("allowed_media_hosts", "")))
        self.fetches = asyncio.Semaphore(AT_ONCE)
        reading = config.options.get("max_num_batched_tokens")
        self._scheduler = Scheduler(language.backend, reading if isinstance(reading, int) else READING)
        self.adapters = Named(self.uid, language.backend, self._scheduler)
        self._loop = asyncio.get_running_loop()
        self._mail: deque[tuple[Callable[[list[Piece]], None], list[Piece]]] = deque()
        self._woken = False
        self._scheduler.start()

    def counters(self) -> Mapping[str, float]:
        scheduler = self._scheduler
        return {
            "answers_running": scheduler.running,
            "answers_waiting": scheduler.waiting,
            "prompt_tokens_read_total": scheduler.tokens_read,
            "prompt_tokens_reused_total": scheduler.tokens_reused,
            "tokens_written_total": scheduler.tokens_written,
        }

    def parts(self) -> Mapping[str, str]:
        return self.adapters.paths

    def close(self) -> None:
        self._scheduler.close()

    async def answers(
        self,
        prompts: Sequence[list[int]],
        wishes: Sequence[Wish],
        limits: Sequence[Limits],
        source: Source = NOTHING,
    ) -> AsyncGenerator[tuple[int, Piece]]:
        """The pieces of all answers as they come, with the answer's number. Closing the iterator frees their rows."""
        self.adapters.check(source)
        arrived: asyncio.Queue[tuple[int, list[Piece]]] = asyncio.Queue()
        started = [
            self._start(prompt, wish, limit, source, partial(self._arrive, arrived, number))
            for number, (prompt, wish, limit) in enumerate(zip(prompts, wishes, limits, strict=True))
        ]
        remaining = len(started)
        try:
            while remaining:
                number, pieces = await arrived.get()
                for piece in pieces:
                    if piece.error is not None:
                        raise InternalError(f"The model failed: {piece.error}")
                    yield number, piece
                    remaining -= piece.finish is not None
        finally:
            for generation in started:
                generation.cancelled = True

    def _start(
        self, prompt: list[int], wish: Wish, limits: Limits, source: Source, put: Callable[[list[Piece]], None]
    ) -> Generation:
        def deliver(pieces: list[Piece]) -> None:
            """In the scheduler's thread; the event loop is woken once for all that happens in a round."""
            self._mail.append((put, pieces))
            if not self._woken:
                self._woken = True
                self._loop.call_soon_threadsafe(self._hand_out)

        characters = Characters(partial(self.language.decode, skip_special=limits.skip_special))
        stops = Stops(limits.stops, limits.stop_shown)
        if wish.least:
            wish = replace(wish, ends=limits.ends)
        generation = Generation(prompt, wish, limits.most, limits.ends, characters, stops, deliver, source)
        if limits.most > 0 or (wish.prompt_logprobs is not None and len(prompt) > 1):
            self._scheduler.submit(generation)
        else:
            put([Piece(finish="length")])
        return generation

    def _hand_out(self) -> None:
        self._woken = False
        while self._mail:
            put, pieces = self._mail.popleft()
            put(pieces)

    @staticmethod
    def _arrive(arrived: asyncio.Queue[tuple[int, list[Piece]]], number: int, pieces: list[Piece]) -> None:
        arrived.put_nowait((number, pieces))

    def limits(self, request: Asked, prompt: list[int], wanted: int | None, where: str, chat: bool) -> Limits:
        """When an answer to this prompt ends: within the context, however long a one the request allows.

        Raises `ContextLengthExceeded` for a prompt that leaves no room for an answer, and `InvalidParameter`.
        """
        room = self.language.context - len(prompt)
        if not prompt:
            raise InvalidParameter(where, "it has no tokens.")
        if room < (wanted != 0):
            raise ContextLengthExceeded(where, self.language.context, len(prompt), LONGER)
        for token in prompt:
            if not 0 <= token < self.language.vocabulary:
                raise InvalidParameter(
                    where, f"{token} is no token of this model, which has {self.language.vocabulary}."
                )
        given = request.stop or ()
        stops = (given,) if isinstance(given, str) else tuple(given)
        if "" in stops:
            raise InvalidParameter("stop", "a stop must have characters.")
        ends = frozenset() if said(request.ignore_eos, False) else self.language.ends
        return Limits(
            most=room if wanted is None or wanted < 0 else min(wanted, room),
            ends=ends | frozenset(request.stop_token_ids or ()),
            stops=stops + (self.stop if chat else ()),
            skip_special=request.skip_special_tokens is not False,
            stop_shown=request.include_stop_str_in_output is True,
        )

    async def check_grammar(self, grammar: Grammar | None, param: str) -> None:
        """Raises `InvalidParameter` for one that cannot be followed. A big one takes a second to compile."""
        if grammar is not None and (problem := await asyncio.to_thread(self.language.problem, grammar)):
            raise InvalidParameter(param, problem)

    def wish(
        self,
        request: Asked,
        choice: int,
        logprobs: int | None,
        grammar: Grammar | None = None,
        prompt_logprobs: int | None = None,
    ) -> Wish:
        """How the tokens of one choice are chosen: as the request says, or else the model's makers."""
        defaults = self.language.defaults
        repetition = said(request.repetition_penalty, defaults.get("repetition_penalty", 1.0))
        if repetition <= 0:
            raise InvalidParameter("repetition_penalty", "must be greater than 0.")
        seed = said(request.seed, None)
        return Wish(
            temperature=said(request.temperature, defaults.get("temperature", 1.0)),
            top_p=said(request.top_p, defaults.get("top_p", 1.0)),
            top_k=max(0, int(said(request.top_k, defaults.get("top_k", 0)))),
            min_p=said(request.min_p, defaults.get("min_p", 0.0)),
            repetition=repetition,
            presence=said(request.presence_penalty, 0.0),
            frequency=said(request.frequency_penalty, 0.0),
            seed=None if seed is None else seed + choice,
            bias=self._bias(request),
            logprobs=logprobs,
            prompt_logprobs=prompt_logprobs,
            grammar=grammar,
            least=said(request.min_tokens, 0),
        )

    def _bias(self, request: Asked) -> dict[int, float]:
        try:
            bias = {int(token): value for token, value in (request.logit_bias or {}).items()}
        except ValueError:
            raise InvalidParameter("logit_bias", "its keys must be token ids.") from None
        if any(not 0 <= token < self.language.vocabulary for token in bias):
            raise InvalidParameter("logit_bias", f"token ids lie between 0 and {self.language.vocabulary - 1}.")
        return bias

    def token_text(self, token: int) -> str:
        return self.language.decode([token], skip_special=False)


def fingerprint(config: Config) -> str:
    """`system_fingerprint`: alike for replicas that would answer alike, as far as their configuration goes."""
    settings = msgspec.structs.replace(config, uid="", uds=None, host="", port=0)
    return f"fp_{hashlib.sha256(__version__.encode() + msgspec.json.encode(settings)).hexdigest()[:10]}"


def said(value: Any, default: Any) -> Any:
    """A field's value, or the default where the request leaves it out or says null."""
    return default if value is UNSET or value is None else value


def tokens_told(writer: Writer, drawn: Drawn) -> dict[str, Any]:
    """A token in the shape of chat's `logprobs`."""

    def entry(token: int, logprob: float) -> dict[str, Any]:
        text = writer.token_text(token)
        known = None if "\ufffd" in text else list(text.encode())
        return {"token": text, "logprob": max(logprob, -9999.0), "bytes": known}

    top = [entry(token, logprob) for token, logprob in drawn.top]
    return {**entry(drawn.token, drawn.logprob), "top_logprobs": top}


def new_id(kind: str) -> str:
    return f"{kind}-{uuid.uuid4().hex}"


def event(body: Mapping[str, Any]) -> bytes:
    """One server-sent event."""
    return b"data: " + msgspec.json.encode(body) + b"\n\n"


DONE = b"data: [DONE]\n\n"
