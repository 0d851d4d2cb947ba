"""A language model behind the generation routes: checks a request, counts its tokens, and yields the pieces of its answers."""

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
from modelyard.engines.generation import NOTHING, Grammar, Language, PromptSource, SampledToken, SamplingParams
from modelyard.engines.media import AT_ONCE
from modelyard.engines.served import ReplicaConfig
from modelyard.serving.adapters import AdapterTable
from modelyard.serving.batching import AnswerPiece, AnswerSequence, Scheduler
from modelyard.serving.bodies import TextBody
from modelyard.serving.text import Characters

READING = 512
"""Default of the number of prompt tokens that are read between two tokens of the answers in progress."""

LONGER = "shorten it, or launch the model with a larger max_model_len"


@dataclass(frozen=True, slots=True)
class AnswerLimits:
    """The conditions that end an answer."""

    most: int
    ends: frozenset[int]
    stops: tuple[str, ...]
    skip_special: bool
    include_stop: bool = False


class Writer:
    """The prepared model of a replica that generates text."""

    def __init__(self, language: Language, config: ReplicaConfig) -> None:
        self.language = language
        self.uid = config.uid
        self.fingerprint = fingerprint(config)
        self.stop = config.stop
        self.tool_call_parser = str(config.options.get("tool_call_parser", "auto"))
        self.hosts = hosts_of_replica(only=str(config.options.get("allowed_media_hosts", "")))
        self.fetches = asyncio.Semaphore(AT_ONCE)
        reading = config.options.get("max_num_batched_tokens")
        self._scheduler = Scheduler(language.backend, reading if isinstance(reading, int) else READING)
        self.adapters = AdapterTable(self.uid, language.backend, self._scheduler)
        self._loop = asyncio.get_running_loop()
        self._mail: deque[tuple[Callable[[list[AnswerPiece]], None], list[AnswerPiece]]] = deque()
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
        samplings: Sequence[SamplingParams],
        limits: Sequence[AnswerLimits],
        source: PromptSource = NOTHING,
    ) -> AsyncGenerator[tuple[int, AnswerPiece]]:
        """Yield the pieces of all answers as they come, with the answer's number. Closing the iterator frees their rows."""
        self.adapters.check(source)
        arrived: asyncio.Queue[tuple[int, list[AnswerPiece]]] = asyncio.Queue()
        started = [
            self._start(prompt, sampling, limit, source, partial(self._arrive, arrived, number))
            for number, (prompt, sampling, limit) in enumerate(zip(prompts, samplings, limits, strict=True))
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
        self,
        prompt: list[int],
        sampling: SamplingParams,
        limits: AnswerLimits,
        source: PromptSource,
        put: Callable[[list[AnswerPiece]], None],
    ) -> AnswerSequence:
        def deliver(pieces: list[AnswerPiece]) -> None:
            """Runs in the scheduler's thread; wakes the event loop once for all pieces of a round."""
            self._mail.append((put, pieces))
            if not self._woken:
                self._woken = True
                self._loop.call_soon_threadsafe(self._hand_out)

        characters = Characters(partial(self.language.decode, skip_special=limits.skip_special))
        stops = Stops(limits.stops, limits.include_stop)
        if sampling.least:
            sampling = replace(sampling, ends=limits.ends)
        generation = AnswerSequence(prompt, sampling, limits.most, limits.ends, characters, stops, deliver, source)
        if limits.most > 0 or (sampling.prompt_logprobs is not None and len(prompt) > 1):
            self._scheduler.submit(generation)
        else:
            put([AnswerPiece(finish="length")])
        return generation

    def _hand_out(self) -> None:
        self._woken = False
        while self._mail:
            put, pieces = self._mail.popleft()
            put(pieces)

    @staticmethod
    def _arrive(arrived: asyncio.Queue[tuple[int, list[AnswerPiece]]], number: int, pieces: list[AnswerPiece]) -> None:
        arrived.put_nowait((number, pieces))

    def limits(
        self, request: TextBody, prompt: list[int], max_tokens: int | None, where: str, chat: bool
    ) -> AnswerLimits:
        """Return the conditions that end the answer to this prompt; the context limits it even if the request allows more tokens.

        Raises `ContextLengthExceeded` for a prompt that leaves no room for an answer, and `InvalidParameter`.
        """
        room = self.language.context - len(prompt)
        if not prompt:
            raise InvalidParameter(where, "it has no tokens.")
        if room < (max_tokens != 0):
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
        ends = frozenset() if value_or(request.ignore_eos, False) else self.language.ends
        return AnswerLimits(
            most=room if max_tokens is None or max_tokens < 0 else min(max_tokens, room),
            ends=ends | frozenset(request.stop_token_ids or ()),
            stops=stops + (self.stop if chat else ()),
            skip_special=request.skip_special_tokens is not False,
            include_stop=request.include_stop_str_in_output is True,
        )

    async def check_grammar(self, grammar: Grammar | None, param: str) -> None:
        """Raise `InvalidParameter` for a grammar that cannot be followed. Compiling a large one can take a second."""
        if grammar is not None and (problem := await asyncio.to_thread(self.language.problem, grammar)):
            raise InvalidParameter(param, problem)

    def sampling(
        self,
        request: TextBody,
        choice: int,
        logprobs: int | None,
        grammar: Grammar | None = None,
        prompt_logprobs: int | None = None,
    ) -> SamplingParams:
        """Sampling parameters of one choice: the request's values, else the defaults in the model's files."""
        defaults = self.language.defaults
        repetition = value_or(request.repetition_penalty, defaults.get("repetition_penalty", 1.0))
        if repetition <= 0:
            raise InvalidParameter("repetition_penalty", "it must be greater than 0.")
        seed = value_or(request.seed, None)
        return SamplingParams(
            temperature=value_or(request.temperature, defaults.get("temperature", 1.0)),
            top_p=value_or(request.top_p, defaults.get("top_p", 1.0)),
            top_k=max(0, int(value_or(request.top_k, defaults.get("top_k", 0)))),
            min_p=value_or(request.min_p, defaults.get("min_p", 0.0)),
            repetition=repetition,
            presence=value_or(request.presence_penalty, 0.0),
            frequency=value_or(request.frequency_penalty, 0.0),
            seed=None if seed is None else seed + choice,
            bias=self._bias(request),
            logprobs=logprobs,
            prompt_logprobs=prompt_logprobs,
            grammar=grammar,
            least=value_or(request.min_tokens, 0),
        )

    def _bias(self, request: TextBody) -> dict[int, float]:
        try:
            bias = {int(token): value for token, value in (request.logit_bias or {}).items()}
        except ValueError:
            raise InvalidParameter("logit_bias", "its keys must be token ids.") from None
        if any(not 0 <= token < self.language.vocabulary for token in bias):
            raise InvalidParameter("logit_bias", f"token ids lie between 0 and {self.language.vocabulary - 1}.")
        return bias

    def token_text(self, token: int) -> str:
        return self.language.decode([token], skip_special=False)


def fingerprint(config: ReplicaConfig) -> str:
    """The value of `system_fingerprint`: equal for replicas with equal configurations."""
    settings = msgspec.structs.replace(config, uid="", uds=None, host="", port=0)
    return f"fp_{hashlib.sha256(__version__.encode() + msgspec.json.encode(settings)).hexdigest()[:10]}"


def value_or(value: Any, default: Any) -> Any:
    """A field's value, or the default if the request omits it or has null."""
    return default if value is UNSET or value is None else value


def token_logprobs(writer: Writer, drawn: SampledToken) -> dict[str, Any]:
    """One token in the form of chat's `logprobs`."""

    def entry(token: int, logprob: float) -> dict[str, Any]:
        text = writer.token_text(token)
        known = None if "\ufffd" in text else list(text.encode())
        return {"token": text, "logprob": max(logprob, -9999.0), "bytes": known}

    top = [entry(token, logprob) for token, logprob in drawn.top]
    return {**entry(drawn.token, drawn.logprob), "top_logprobs": top}


def new_id(kind: str) -> str:
    return f"{kind}-{uuid.uuid4().hex}"


def event(body: Mapping[str, Any]) -> bytes:
    """Encode one server-sent event."""
    return b"data: " + msgspec.json.encode(body) + b"\n\n"


DONE = b"data: [DONE]\n\n"
