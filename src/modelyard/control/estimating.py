"""Answers without a launch: which engines run a model, and how much memory it would take on each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from modelyard.catalog.find import find, locate
from modelyard.catalog.index import Catalog
from modelyard.catalog.memory import estimate
from modelyard.control.choosing import Offer, Wish, choose, weigh
from modelyard.control.launching import checked_hub, family_offers, is_here, model_type
from modelyard.control.other_engines import PRETENDERS
from modelyard.control.placement import Machine, fits_on
from modelyard.core.errors import BadRequest, InvalidParameter
from modelyard.core.memory import CACHE_TYPES, RUNTIMES
from modelyard.core.types import Footprint, Json, Model, ModelType
from modelyard.engines import ENGINES
from modelyard.engines.names import KNOWN, able, displayed, engine_spelled
from modelyard.protocol.engines import EstimateRequest
from modelyard.protocol.models import LaunchRequest

USUAL_CONTEXT = 8192
UNKNOWN_CONTEXT = 4096
"""Tokens where nobody names a number, as in a launch: the model's own context, but no more than the first of these."""

CACHE_SPELLINGS = {"8": "fp8", "16": "f16", "32": "f32", "auto": "f16", "float16": "f16", "bfloat16": "bf16", "fp16": "f16",
                   "float32": "f32", "fp32": "f32", "fp8_e4m3": "fp8", "fp8_e5m2": "fp8"}  # fmt: skip
"""Bits, as the peer has them, and names of other engines."""

GPU_ONLY = ("vllm", "sglang", "tensorrt_llm")

Entry = dict[str, Json]


@dataclass(frozen=True, slots=True)
class Estimate:
    """What one model takes on one engine."""

    engine: str
    need: Footprint
    parallel: int
    fits: Mapping[str, bool]


def engines_of(
    name: str, kind: str | None, catalog: Catalog, machine: Machine, reasons: bool, local: bool = True
) -> dict[str, list[Entry] | str]:
    """The peer's name of each engine that can run a model here → what of it; with `reasons`, why for all others.

    Without `reasons` every value is a list: a string in its place is what the peer's own programs stumble over.
    Without `local`, no name is taken for a path.
    """
    offers = offers_of(LaunchRequest(model_name=name, model_type=kind), catalog, local=local)
    idle = Machine(machine.hardware, engines=machine.engines)
    answer: dict[str, list[Entry] | str] = {}
    for engine_name in ENGINES:
        engine = ENGINES.get(engine_name)
        wish = Wish(name, engine_name)
        found, why = weigh(offers, wish, idle, lambda offer: False)
        if found:
            answer[displayed(engine_name)] = entries([(one.model, one.variant) for one in found])
        elif reasons and engine.name not in PRETENDERS:
            answer[displayed(engine_name)] = why[engine_name]
    if reasons:
        kinds = {model.type for model, _ in offers}
        absent = [each for each, known in KNOWN.items() if each not in ENGINES and kinds & set(known.types)]
        answer |= {displayed(each): "This server does not have that engine." for each in absent}
    return answer


def entries(offers: Sequence[Offer]) -> list[Entry]:
    """In the peer's shape: language models by format and size, others by format and quantisation."""
    found: dict[tuple[str, str], Entry] = {}
    for model, variant in offers:
        quantization = model.quantization or "none"
        common: Entry = {"model_name": model.name, "model_format": model.format}
        if model.type is not ModelType.LLM:
            shown = model.type in (ModelType.EMBEDDING, ModelType.RERANK)
            extra: Entry = {"quantization": quantization} if shown else {}
            found.setdefault((model.format, quantization if shown else ""), {**common, **extra})
            continue
        size: Json = variant.spec.size_in_billions if variant else model.size_in_billions
        entry = found.setdefault(
            (model.format, str(size)),
            {**common, "model_size_in_billions": size, "quantizations": [], "support_draft_model": False},
        )
        quantizations = entry["quantizations"]
        if isinstance(quantizations, list) and quantization not in quantizations:
            quantizations.append(quantization)
    return list(found.values())


def offers_of(request: LaunchRequest, catalog: Catalog, hub: str | None = None, *, local: bool = True) -> list[Offer]:
    """All variants of a family, or the one model of a path or of a hub's id. Raises `NotFound` with near names."""
    if not request.model_path and (found := family_offers(request, catalog)):
        return found
    model = find(
        str(request.model_name),
        type=model_type(request.model_type),
        format=request.model_format,
        quantization=request.quantization,
        path=request.model_path,
        catalog=catalog,
        hub=hub,
        local=local,
    )
    return [(model, None)]


def estimate_memory(
    body: EstimateRequest, catalog: Catalog, machine: Machine, local: bool = True
) -> tuple[Model, int, list[Estimate]]:
    """The model that the wish means, the context, and what it takes on each engine, best first.

    Without `local`, no name is taken for a path. Raises `NotFound`, or `BadRequest` with what cannot be estimated.
    """
    request = LaunchRequest(**body.model_dump(include=set(LaunchRequest.model_fields) & set(body.model_fields_set)))
    model = _model(request, checked_hub(body.download_hub), catalog, machine, local)
    context = body.context_length or min(model.context_length or UNKNOWN_CONTEXT, USUAL_CONTEXT)
    cache = cache_type(body.kv_cache_dtype)
    found = []
    for name in _engines(model, body.model_engine):
        parallel = body.n_parallel or RUNTIMES[name].parallel
        on_gpu = name in GPU_ONLY or bool(machine.hardware.gpus)
        kind = "q8_0" if (name, cache) == ("llama_cpp", "fp8") else cache  # its own type of eight bits
        need = estimate(model, engine=name, context=context, parallel=parallel, cache_type=kind, on_gpu=on_gpu)
        room = fits_on(need, machine, RUNTIMES[name].share)
        fits = {device: fit and not (device == "cpu" and name in GPU_ONLY) for device, fit in room.items()}
        found.append(Estimate(name, need, parallel, fits))
    return model, context, found


def _model(request: LaunchRequest, hub: str | None, catalog: Catalog, machine: Machine, local: bool) -> Model:
    """The variant that a launch would take, else the smallest; as its files say, or as far as the catalog knows it."""
    offers = offers_of(request, catalog, hub, local=local)
    candidates, _ = weigh(offers, Wish(str(request.model_name)), machine, is_here)
    best = choose(candidates) or min(candidates, key=lambda one: one.need.total, default=None)
    model, variant = (best.model, best.variant) if best else offers[0]
    if variant is not None and (not model.weights_bytes or is_here((model, variant))):
        model = locate(variant, hub=hub)
    if not model.weights_bytes:
        raise BadRequest(f"It is not known how large '{model.name}' is, so its memory cannot be estimated.")
    return model


def _engines(model: Model, wanted: str | None) -> list[str]:
    """Engines to estimate for: those that this server has first."""
    if wanted:
        name = engine_spelled(wanted)
        if name not in RUNTIMES:
            known = ", ".join(displayed(each) for each in RUNTIMES)
            raise InvalidParameter("model_engine", f"'{wanted}' cannot be estimated; known are {known}.")
        return [name]
    found = [name for name in able(model) if name in RUNTIMES] or ["transformers"]
    return sorted(found, key=lambda name: name not in ENGINES)


def cache_type(given: str | int | None) -> str:
    """The type of the cache's elements; bits are understood as the peer's command line gives them."""
    name = str(given if given is not None else "auto").strip().lower() or "auto"
    name = CACHE_SPELLINGS.get(name, name)
    if name not in CACHE_TYPES:
        raise InvalidParameter("kv_cache_dtype", f"'{given}' is none of 8, 16, 32, {', '.join(CACHE_TYPES)}.")
    return name
