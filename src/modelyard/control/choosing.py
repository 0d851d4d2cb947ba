"""Which variant of a model on which engine, when the launch leaves that open; and why not, for every engine that cannot.

`weigh` looks at each pair of model and engine; `choose` picks one of them and is pure.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from modelyard.catalog.memory import bits, estimate
from modelyard.catalog.resolve import Variant
from modelyard.control.installed import absent
from modelyard.control.other_engines import PRETENDERS, lacking
from modelyard.control.placement import Machine, capacity, place, show
from modelyard.core.errors import BadRequest, ModelyardError, NoEngineFits, NotEnoughMemory
from modelyard.core.types import Adapter, Footprint, Hardware, Json, Launch, Model
from modelyard.engines import ENGINES
from modelyard.engines.base import Engine
from modelyard.engines.names import KNOWN, able, displayed, engine_spelled

GIGABYTE = 1_000_000_000
SLOW = 5_500_000_000
"""Weights that a CPU reads for each token: about ten tokens a second on a laptop. 8 billion at 4 bits are less."""
LONG = 20 * GIGABYTE
"""Nobody waits for more than that without having asked for it."""
FOUR_BITS = 4.4
"""Fewer bits per weight cost more quality than a smaller model does."""
MODEST_BITS = 5.0
"""What is enough where room is tight."""
USUAL = ("q4_k_m", "q5_k_m", "q6_k", "q8_0")
"""Of the many quantisations of a GGUF model, those that most people run; more bits than these cost memory and gain nothing."""
SIZES = ("tensor_parallel_size", "pipeline_parallel_size", "data_parallel_size")


@dataclass(frozen=True, slots=True)
class Candidate:
    """One model on one engine, which could run it, as far as memory lets it."""

    model: Model
    engine: str
    score: int
    need: Footprint
    capacity: int
    """Bytes of memory where it would run, over all its GPUs if it has any."""
    gpus: int = 0
    variant: Variant | None = None
    """Of a family; None when the files themselves were named."""
    here: bool = True
    """Its files are on this machine."""
    problem: NotEnoughMemory | None = None

    @property
    def comfortable(self) -> bool:
        """It takes no more than half of the memory, answers at a pace one can read, and is not long in coming."""
        most = LONG if self.gpus else SLOW
        return (
            self.need.total <= self.capacity // 2
            and (self.here or self.model.weights_bytes <= LONG)
            and (self.model.weights_bytes <= most)
        )


@dataclass(frozen=True, slots=True)
class Wish:
    """What a launch says that decides about engines and memory."""

    uid: str
    engine: str | None = None
    options: Mapping[str, Json] = field(default_factory=dict)
    gpus: int | None = None
    """None leaves it to us."""
    gpu_idx: tuple[int, ...] = ()
    adapters: tuple[Adapter, ...] = ()


Offer = tuple[Model, Variant | None]


def choose(candidates: Sequence[Candidate]) -> Candidate | None:
    """The best of what fits into memory; None when nothing does.

    1. Files that are on this machine already go before files that would have to be downloaded.
    2. What is comfortable (see `Candidate.comfortable`) goes before what only just fits.
    3. The engine that says it fits best.
    4. The size. Among comfortable ones the largest that comes in 4 bits or more, because a larger model at 4 bits answers
       better than a smaller one at 8; when none is comfortable, the smallest.
    5. The quantisation. Among comfortable ones the most bits; of GGUF files the most of `USUAL`. When room is tight, what
       is nearest below 5 bits, which is `q4_k_m`.

    So of a family from 0.5 to 72 billion a laptop with 16 GB gets 7 billion at 4 or 5 bits, a download of about 5 GB, and a
    GPU of 80 GB gets 32 billion at 4 bits, of 20 GB. A family of one size comes in the most bits that are comfortable.
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
    name: str, offers: Sequence[Offer], wish: Wish, machine: Machine, is_here: Callable[[Offer], bool]
) -> Candidate:
    """The candidate that is launched. A single one is taken as it is: whether it fits is looked at when it is placed.

    Raises `NoEngineFits` with every engine's reason, or `NotEnoughMemory` with the figures of the smallest candidate.
    """
    candidates, reasons = weigh(offers, wish, machine, is_here)
    if not candidates:
        raise refusal(name, offers, wish, reasons)
    if len(candidates) == 1:
        return candidates[0]
    best = choose(candidates)
    if best is None:
        raise _too_large(name, candidates)
    return best


def weigh(
    offers: Sequence[Offer], wish: Wish, machine: Machine, is_here: Callable[[Offer], bool]
) -> tuple[list[Candidate], dict[str, str]]:
    """Every pair of model and engine that could run, and the reason of each engine that can run none of them.

    Engines that have the options go first: others are left out, unless none is left.
    """
    here = [is_here(offer) for offer in offers] if len(offers) > 1 else [True]
    candidates, reasons = _weigh(offers, wish, machine, here, having_options=True)
    return (candidates, reasons) if candidates else _weigh(offers, wish, machine, here, having_options=False)


def _weigh(
    offers: Sequence[Offer], wish: Wish, machine: Machine, here: Sequence[bool], having_options: bool
) -> tuple[list[Candidate], dict[str, str]]:
    candidates: list[Candidate] = []
    reasons: dict[str, str] = {}
    for name in [wish.engine] if wish.engine else ENGINES:
        engine = ENGINES.get(name)
        fits = [_fit(engine, offer, wish, machine.hardware, having_options) for offer in offers]
        if not any(score for score, _ in fits):
            reasons[name] = "; ".join(list(dict.fromkeys(reason for _, reason in fits))[:3])
        elif lacking := absent(engine, machine.engines):
            reasons[name] = " ".join(lacking)
        else:
            candidates += [
                _candidate(engine, offer, score, wish, machine, there)
                for offer, (score, _), there in zip(offers, fits, here, strict=True)
                if score > 0
            ]
    return candidates, reasons


def _fit(engine: Engine, offer: Offer, wish: Wish, hardware: Hardware, having_options: bool) -> tuple[int, str]:
    model, variant = offer
    only = variant.spec.engine if variant else None
    if only and engine.name != engine_spelled(only):
        return 0, f"these weights are made for {only}"
    fit = engine.fits(model, hardware)
    if fit.score and wish.engine is None:  # of an engine that is insisted on, its own error is better
        launch = Launch(wish.uid, model, engine.name, wish.options, adapters=wish.adapters)
        if having_options and wish.options and (option := lacking(engine, launch)):
            return 0, f"it has no option '{option}'"
        for adapter in wish.adapters:
            try:
                engine.check_adapter(launch, adapter)
            except BadRequest as error:
                return 0, error.message
    return fit.score, fit.reason


def _candidate(engine: Engine, offer: Offer, score: int, wish: Wish, machine: Machine, here: bool) -> Candidate:
    """Placed in thought: on GPUs where the launch or the engine wants them, else in main memory."""
    model, variant = offer
    launch = Launch(wish.uid, model, engine.name, wish.options, gpu_idx=wish.gpu_idx, adapters=wish.adapters)
    try:
        need = engine.footprint(launch)
    except BadRequest:  # a wrong option, of which the launch hears when its command is made
        need = engine.footprint(replace(launch, options={}))
    problem = None
    for gpus in gpu_counts(engine, wish, machine.hardware):
        spot = replace(launch, gpus=gpus)
        most = capacity(spot, machine.hardware)
        try:
            place(spot, need, machine.hardware, machine.claims, machine.headroom)
        except NotEnoughMemory as error:
            problem = error
        else:
            return Candidate(model, engine.name, score, need, most, gpus, variant, here)
    return Candidate(model, engine.name, score, need, most, gpus, variant, here, problem)


def gpu_counts(engine: Engine, wish: Wish, hardware: Hardware) -> tuple[int, ...]:
    """GPUs per replica to try, in this order: where that is left to us, as many as the options speak of, one if the

    engine can use it, then none.
    """
    if wish.gpus is not None:
        return (wish.gpus,)
    if not hardware.gpus or not engine.uses_gpus():
        return (0,)
    return (ranks,) if (ranks := _ranks(engine, wish.options)) > 1 else (1, 0)


def _ranks(engine: Engine, options: Mapping[str, Json]) -> int:
    """Processes that the parallel sizes among the options make, of an engine that has such options."""
    sizes = set(engine.Options.__struct_fields__).intersection(SIZES)
    given = [str(options.get(name) or options.get(f"{engine.name}_{name}") or 1) for name in sizes]
    return math.prod(int(size) for size in given if size.isdigit())


def refusal(name: str, offers: Sequence[Offer], wish: Wish, reasons: Mapping[str, str]) -> ModelyardError:
    """Why no engine runs this: each one's reason, who could, and what it would take."""
    told = {
        displayed(engine): reason for engine, reason in reasons.items() if wish.engine or engine not in PRETENDERS
    }  # fmt: skip
    others = [
        engine for engine in dict.fromkeys(each for offer in offers for each in _able(offer)) if engine not in ENGINES
    ]
    if others and not wish.engine:
        told[", ".join(displayed(engine) for engine in others)] = "could run it, but this server does not have that"
    model = _smallest(offers)
    runtime = next((engine for engine in able(model)), "transformers")
    need = estimate(model, engine=runtime, context=min(model.context_length or 4096, 8192))
    sentence = f"It would take about {figures(need)}." if model.weights_bytes else ""
    error = NoEngineFits(name, told or reasons, sentence)
    if model.weights_bytes:
        error.memory = {**need.figures(), "engine": displayed(runtime)}
    return error


def unknown_engine(name: str, model: str) -> NoEngineFits | None:
    """What to say of an engine that people know and this server does not have; None when nobody knows it."""
    if name in ENGINES or name not in KNOWN:
        return None
    have = ", ".join(displayed(engine) for engine in ENGINES)
    return NoEngineFits(model, {displayed(name): f"this server does not have that engine; it has {have}"})


def _able(offer: Offer) -> list[str]:
    """Engines that run this somewhere."""
    model, variant = offer
    return [engine_spelled(variant.spec.engine)] if variant and variant.spec.engine else able(model)


def _smallest(offers: Sequence[Offer]) -> Model:
    known = [model for model, _ in offers if model.weights_bytes]
    return min(known, key=lambda model: model.weights_bytes) if known else offers[0][0]


def _too_large(name: str, candidates: Sequence[Candidate]) -> NotEnoughMemory:
    """The refusal of the smallest, which is the nearest to fitting."""
    least = min(candidates, key=lambda one: one.need.total)
    size = f"{least.model.size_in_billions:g} billion, " if least.model.size_in_billions else ""
    title = f"{size}{least.model.format}, {least.model.quantization} on {displayed(least.engine)}"
    said = least.problem.problem if least.problem else ""
    memory = least.problem.memory if least.problem else None
    return NotEnoughMemory(name, f"the smallest of {len(candidates)} ways to run it is {title}, and {said}", memory)


def figures(need: Footprint) -> str:
    """An estimate for people."""
    parts = f"weights {show(need.weights)}, KV cache {show(need.kv_cache)}"
    return f"{show(need.total)} ({parts}, overhead {show(need.overhead + need.activations)})"
