"""Chooses the variant and the engine of a launch that does not name them, and explains why other engines cannot run it.

`runnable` checks each pair of model and engine, `weigh` adds the memory that it needs, and `choose`, which is pure, picks one."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from modelyard.catalog.memory import bits
from modelyard.catalog.resolve import Variant
from modelyard.control.interpreters import absent
from modelyard.control.other_engines import lacking
from modelyard.control.placement import Machine, capacity, place, show
from modelyard.core.errors import BadRequest, ModelyardError, NoEngineFits, NotEnoughMemory
from modelyard.core.memory import PYTORCH, footprint
from modelyard.core.types import Adapter, Footprint, Hardware, Json, Launch, Model
from modelyard.engines import ENGINES
from modelyard.engines.base import Engine
from modelyard.engines.names import able, canonical_name, profile_of, title_of

GIGABYTE = 1_000_000_000
SLOW = 5_500_000_000
"""Bytes of weights read per token above which a CPU is slow: about ten tokens a second on a laptop. 8B at 4 bits is below it."""
LONG = 20 * GIGABYTE
"""Bytes of a download above which a model is chosen only if the request names it."""
FOUR_BITS = 4.4
"""Bits per weight below which a smaller model with more bits has better quality."""
MODEST_BITS = 5.0
"""Bits per weight that suffice where memory is short."""
USUAL = ("q4_k_m", "q5_k_m", "q6_k", "q8_0")
"""GGUF quantisations that most people use; more bits than these cost memory without a gain in quality."""
USUAL_CONTEXT = 8192
UNKNOWN_CONTEXT = 4096
"""Tokens of context if the launch gives no number: the model's own context, but at most this."""
SIZES = ("tensor_parallel_size", "pipeline_parallel_size", "data_parallel_size")


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """A model and an engine that could run it."""

    model: Model
    engine: str
    score: int
    """How well the engine suits the model; see `Fit`."""
    gpus: int = 0
    """GPUs per replica."""
    variant: Variant | None = None
    """The variant of a family; None if the request names files."""
    here: bool = True
    """Whether its files are on this machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate(EngineChoice):
    """A choice with the memory that it needs, and the devices that would provide it."""

    need: Footprint
    capacity: int
    """Bytes of memory, free or not, of the devices where it would run: all its GPUs, or main memory."""
    problem: NotEnoughMemory | None = None
    """Why it does not fit; None if it does."""

    @property
    def comfortable(self) -> bool:
        """Whether it needs at most half of the memory, generates at reading pace, and is not a long download."""
        most = LONG if self.gpus else SLOW
        return (
            self.need.total <= self.capacity // 2
            and (self.here or self.model.weights_bytes <= LONG)
            and (self.model.weights_bytes <= most)
        )


@dataclass(frozen=True, slots=True)
class Requirements:
    """What a launch requires of the engine and the memory."""

    uid: str
    engine: str | None = None
    options: Mapping[str, Json] = field(default_factory=dict)
    gpus: int | None = None
    """GPUs per replica; None if they are chosen automatically."""
    gpu_idx: tuple[int, ...] = ()
    adapters: tuple[Adapter, ...] = ()


Offer = tuple[Model, Variant | None]


def choose(candidates: Sequence[Candidate]) -> Candidate | None:
    """Return the best candidate that fits into memory; None if none does. Criteria, in order:

    1. Files on this machine are preferred to files that would have to be downloaded.
    2. Comfortable candidates (see `Candidate.comfortable`) are preferred to those that only just fit.
    3. The engine with the highest score.
    4. The size. Among comfortable candidates the largest with 4 bits or more, because a larger model at 4 bits answers
       better than a smaller one at 8; if none is comfortable, the smallest.
    5. The quantisation. Among comfortable candidates the most bits (of GGUF files only those of `USUAL`). If memory is short,
       the one nearest below 5 bits, which is `q4_k_m`.

    For example, of a family from 0.5B to 72B a laptop with 16 GB gets 7B at 4 or 5 bits, a download of about 5 GB, and a
    GPU with 80 GB gets 32B at 4 bits, of 20 GB. A family of one size gets the most bits that are comfortable.
    """
    return max((one for one in candidates if one.problem is None), key=_rank, default=None)


def _rank(one: Candidate) -> tuple[float, ...]:
    size = one.model.size_in_billions or 0.0
    name = (one.model.quantization or "none").lower()
    width = bits(one.model.format, name)
    usual = one.model.format != "ggufv2" or name in USUAL
    if one.comfortable:
        return (one.here, 1, one.score, width >= FOUR_BITS, size, usual, width if usual else -abs(width - MODEST_BITS))
    modest = width <= MODEST_BITS
    return (one.here, 0, one.score, 0, -size, modest, usual, width if modest else -width)


def decide(
    name: str, offers: Sequence[Offer], requirements: Requirements, machine: Machine, is_here: Callable[[Offer], bool]
) -> EngineChoice:
    """Decide model and engine of a launch. A single choice is returned without a memory check, which placement does later.

    Raises `NoEngineFits` with every engine's reason, or `NotEnoughMemory` with the figures of the smallest candidate.
    """
    choices, reasons = runnable(offers, requirements, machine, is_here)
    if not choices:
        raise refusal(name, offers, requirements, reasons)
    if len(choices) == 1:
        counts = gpu_counts(ENGINES.get(choices[0].engine), requirements, machine.hardware)
        return replace(choices[0], gpus=counts[0]) if len(counts) == 1 else weigh(choices[0], requirements, machine)
    candidates = [weigh(each, requirements, machine) for each in choices]
    best = choose(candidates)
    if best is None:
        raise too_large(name, candidates)
    return best


def runnable(
    offers: Sequence[Offer], requirements: Requirements, machine: Machine, is_here: Callable[[Offer], bool]
) -> tuple[list[EngineChoice], dict[str, str]]:
    """Return every pair of model and engine that could run, and for each other engine the reason why it can run no model.

    Engines that lack one of the launch's options are used only if no engine has all of them.
    """
    here = [is_here(offer) for offer in offers] if len(offers) > 1 else [True]
    choices: list[EngineChoice] = []
    for having_options in (True, False):
        reasons: dict[str, str] = {}
        for name in [requirements.engine] if requirements.engine else ENGINES:
            engine = ENGINES.get(name)
            fits = [_fit(engine, offer, requirements, machine.hardware, having_options) for offer in offers]
            if not any(score for score, _ in fits):
                reasons[name] = "; ".join(list(dict.fromkeys(reason for _, reason in fits))[:3])
            elif problems := absent(engine, machine.engines):
                reasons[name] = " ".join(problems)
            else:
                choices += [
                    EngineChoice(model, name, score, variant=variant, here=there)
                    for (model, variant), (score, _), there in zip(offers, fits, here, strict=True)
                    if score > 0
                ]
        if choices:
            break
    return choices, reasons


def _fit(
    engine: Engine, offer: Offer, requirements: Requirements, hardware: Hardware, having_options: bool
) -> tuple[int, str]:
    model, variant = offer
    only = variant.spec.engine if variant else None
    if only and engine.name != canonical_name(only):
        return 0, f"these weights are made for {only}"
    fit = engine.fits(model, hardware)
    if fit.score and requirements.engine is None:  # a named engine reports wrong options with its own error
        if engine.profile.only_by_name:
            return 0, f"only launches that name it get it: model_engine '{engine.name}'"
        launch = _launch(model, engine.name, requirements)
        if having_options and requirements.options and (option := lacking(engine, launch)):
            return 0, f"it has no option '{option}'"
        for adapter in requirements.adapters:
            try:
                engine.check_adapter(launch, adapter)
            except BadRequest as error:
                return 0, error.message
    return fit.score, fit.reason


def weigh(choice: EngineChoice, requirements: Requirements, machine: Machine) -> Candidate:
    """Add the memory that a choice needs: on GPUs if the launch or the engine requires them or has room there, else in main
    memory."""
    engine = ENGINES.get(choice.engine)
    launch = _launch(choice.model, choice.engine, requirements)
    try:
        need = engine.footprint(launch)
    except BadRequest:  # a wrong option, which `Engine.check` will refuse
        need = engine.footprint(replace(launch, options={}))
    problem = None
    for gpus in gpu_counts(engine, requirements, machine.hardware):
        launch = replace(launch, gpus=gpus)
        most = capacity(launch, machine.hardware)
        try:
            place(launch, need, machine.hardware, machine.claims, machine.headroom)
        except NotEnoughMemory as error:
            problem = error
        else:
            problem = None
            break
    return Candidate(
        choice.model, choice.engine, choice.score, gpus, choice.variant, choice.here,
        need=need, capacity=most, problem=problem,
    )  # fmt: skip


def _launch(model: Model, engine: str, requirements: Requirements) -> Launch:
    """A launch of this model on this engine, with the options known so far."""
    return Launch(
        requirements.uid,
        model,
        engine,
        requirements.options,
        gpu_idx=requirements.gpu_idx,
        adapters=requirements.adapters,
    )


def gpu_counts(engine: Engine, requirements: Requirements, hardware: Hardware) -> tuple[int, ...]:
    """The numbers of GPUs per replica to try, in order. If the launch leaves it open: the number that its options imply, one if
    the engine can use it, then none.
    """
    if requirements.gpus is not None:
        return (requirements.gpus,)
    if not hardware.gpus or not engine.uses_gpus():
        return (0,)
    return (ranks,) if (ranks := _ranks(engine, requirements.options)) > 1 else (1, 0)


def _ranks(engine: Engine, options: Mapping[str, Json]) -> int:
    """The number of processes that the parallel sizes among the options imply; 1 for engines without such options."""
    sizes = set(engine.Options.__struct_fields__).intersection(SIZES)
    counts = [str(options.get(name) or options.get(f"{engine.name}_{name}") or 1) for name in sizes]
    return math.prod(int(size) for size in counts if size.isdigit())


def refusal(
    name: str, offers: Sequence[Offer], requirements: Requirements, reasons: Mapping[str, str]
) -> ModelyardError:
    """Explain why no engine runs this: each engine's reason, the engines that could, and the memory needed."""
    by_title = {
        title_of(engine): reason
        for engine, reason in reasons.items()
        if requirements.engine or not ENGINES.get(engine).profile.weightless
    }
    others = [
        engine for engine in dict.fromkeys(each for offer in offers for each in _able(offer)) if engine not in ENGINES
    ]
    if others and not requirements.engine:
        by_title[", ".join(title_of(engine) for engine in others)] = "could run it, but this server does not have that"
    model = _smallest(offers)
    if not model.weights_bytes:
        return NoEngineFits(name, by_title or reasons, "")
    nearest = next(iter(able(model)), "transformers")
    profile = profile_of(nearest)
    runtime = (profile and profile.memory) or PYTORCH
    context = min(model.context_length or UNKNOWN_CONTEXT, USUAL_CONTEXT)
    need = footprint(model.weights_bytes, model.shape, runtime, context=context, parallel=1)
    error = NoEngineFits(name, by_title or reasons, f"It would take about {figures(need)}.")
    error.memory = {**need.figures(), "engine": title_of(nearest)}
    return error


def _able(offer: Offer) -> list[str]:
    """Engines that could run an offer on some machine."""
    model, variant = offer
    return [canonical_name(variant.spec.engine)] if variant and variant.spec.engine else able(model)


def _smallest(offers: Sequence[Offer]) -> Model:
    sized = [model for model, _ in offers if model.weights_bytes]
    return min(sized, key=lambda model: model.weights_bytes) if sized else offers[0][0]


def too_large(name: str, candidates: Sequence[Candidate]) -> NotEnoughMemory:
    """The refusal with the figures of the smallest candidate, which comes nearest to fitting."""
    least = min(candidates, key=lambda one: one.need.total)
    size = f"{least.model.size_in_billions:g} billion, " if least.model.size_in_billions else ""
    title = f"{size}{least.model.format}, {least.model.quantization} on {title_of(least.engine)}"
    problem = least.problem.problem if least.problem else ""
    memory = least.problem.memory if least.problem else None
    return NotEnoughMemory(name, f"the smallest of {len(candidates)} ways to run it is {title}, and {problem}", memory)


def figures(need: Footprint) -> str:
    """An estimate as text for people."""
    parts = f"weights {show(need.weights)}, KV cache {show(need.kv_cache)}"
    return f"{show(need.total)} ({parts}, overhead {show(need.overhead + need.activations)})"
