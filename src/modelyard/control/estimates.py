"""Estimates without a launch: which engines can run a model, and the memory that it needs on each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from modelyard.catalog.find import find, locate
from modelyard.catalog.index import Catalog
from modelyard.control.engine_choice import UNKNOWN_CONTEXT, USUAL_CONTEXT, Offer, Requirements, choose, runnable, weigh
from modelyard.control.launch_plans import checked_hub, family_offers, is_here, model_type
from modelyard.control.placement import Machine, fits_on
from modelyard.core.errors import BadRequest, InvalidParameter
from modelyard.core.memory import CACHE_TYPES, footprint
from modelyard.core.types import Footprint, Json, Launch, Model, ModelType
from modelyard.engines import ENGINES
from modelyard.engines.base import Profile
from modelyard.engines.names import ELSEWHERE, able, canonical_name, profiles
from modelyard.protocol.engines import EstimateRequest
from modelyard.protocol.models import LaunchRequest

CACHE_SPELLINGS = {"8": "fp8", "16": "f16", "32": "f32", "auto": "f16", "float16": "f16", "bfloat16": "bf16", "fp16": "f16",
                   "float32": "f32", "fp32": "f32", "fp8_e4m3": "fp8", "fp8_e5m2": "fp8"}  # fmt: skip
"""Xinference's bit sizes, and names that other engines use."""

Entry = dict[str, Json]


@dataclass(frozen=True, slots=True)
class Estimate:
    """The memory that a model needs on one engine."""

    engine: str
    need: Footprint
    parallel: int
    fits: Mapping[str, bool]


def engines_of(
    name: str, kind: str | None, catalog: Catalog, machine: Machine, reasons: bool, local: bool = True
) -> dict[str, list[Entry] | str]:
    """Engine title → what the engine can run of a model here; with `reasons`, for other engines the reason why not.

    Without `reasons` every value is a list, because Xinference's programs fail if it is a string.
    Without `local`, no name is interpreted as a path.
    """
    offers = offers_of(LaunchRequest(model_name=name, model_type=kind), catalog, local=local)
    answer: dict[str, list[Entry] | str] = {}
    for engine in ENGINES:
        profile = ENGINES.get(engine).profile
        choices, why = runnable(offers, Requirements(name, engine), machine, lambda offer: False)
        if choices:
            answer[profile.title] = entries([(one.model, one.variant) for one in choices])
        elif reasons and not profile.weightless:
            answer[profile.title] = why[engine]
    if reasons:
        kinds = {model.type for model, _ in offers}
        for engine, profile in ELSEWHERE.items():
            if engine not in ENGINES and kinds & set(profile.types):
                answer[profile.title] = "This server does not have that engine."
    return answer


def entries(offers: Sequence[Offer]) -> list[Entry]:
    """Entries in Xinference's format: language models by format and size, others by format and quantisation."""
    by_form: dict[tuple[str, str], Entry] = {}
    for model, variant in offers:
        quantization = model.quantization or "none"
        common: Entry = {"model_name": model.name, "model_format": model.format}
        if model.type is not ModelType.LLM:
            makes_vectors = model.type in (ModelType.EMBEDDING, ModelType.RERANK)
            extra: Entry = {"quantization": quantization} if makes_vectors else {}
            by_form.setdefault((model.format, quantization if makes_vectors else ""), {**common, **extra})
            continue
        size: Json = variant.spec.size_in_billions if variant else model.size_in_billions
        entry = by_form.setdefault(
            (model.format, str(size)),
            {**common, "model_size_in_billions": size, "quantizations": [], "support_draft_model": False},
        )
        quantizations = entry["quantizations"]
        if isinstance(quantizations, list) and quantization not in quantizations:
            quantizations.append(quantization)
    return list(by_form.values())


def offers_of(request: LaunchRequest, catalog: Catalog, hub: str | None = None, *, local: bool = True) -> list[Offer]:
    """All variants of a family, or the single model of a path or hub id. Raises `NotFound` with similar names."""
    if not request.model_path and (offers := family_offers(request, catalog)):
        return offers
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
    """Return the requested model, its context in tokens, and its estimate on each engine, the best first.

    Without `local`, no name is interpreted as a path. Raises `NotFound`, or `BadRequest` if the memory cannot be estimated.
    """
    request = LaunchRequest(**body.model_dump(include=set(LaunchRequest.model_fields) & set(body.model_fields_set)))
    model = _model(request, checked_hub(body.download_hub), catalog, machine, local)
    context = body.context_length or min(model.context_length or UNKNOWN_CONTEXT, USUAL_CONTEXT)
    cache = cache_type(body.kv_cache_dtype)
    estimates = [
        _estimate(model, name, profile, context, body.n_parallel, cache, machine)
        for name, profile in _engines(model, body.model_engine)
    ]
    return model, context, estimates


def _estimate(
    model: Model, name: str, profile: Profile, context: int, parallel: int | None, cache: str, machine: Machine
) -> Estimate:
    on_gpu = "cpu" not in profile.devices or bool(machine.hardware.gpus)
    if (runtime := profile.memory) is not None:
        kind = runtime.byte_cache if cache == "fp8" else cache
        parallel, share = parallel or runtime.parallel, runtime.share
        need = footprint(
            model.weights_bytes,
            model.shape,
            runtime,
            context=context,
            parallel=parallel,
            key=kind,
            value=kind,
            on_gpu=on_gpu,
        )
    else:
        parallel = parallel or 1
        need = ENGINES.get(name).footprint(Launch(model.name, model, name, gpus=int(on_gpu)))
        share = need.share or 1.0
    room = fits_on(need, machine, share)
    fits = {device: fit and not (device == "cpu" and "cpu" not in profile.devices) for device, fit in room.items()}
    return Estimate(name, need, parallel, fits)


def _model(request: LaunchRequest, hub: str | None, catalog: Catalog, machine: Machine, local: bool) -> Model:
    """The variant that a launch would choose, else the smallest, described by its files or else by the catalog."""
    offers = offers_of(request, catalog, hub, local=local)
    requirements = Requirements(str(request.model_name))
    choices, _ = runnable(offers, requirements, machine, is_here)
    candidates = [weigh(each, requirements, machine) for each in choices]
    best = choose(candidates) or min(candidates, key=lambda one: one.need.total, default=None)
    model, variant = (best.model, best.variant) if best else offers[0]
    if variant is not None and (not model.weights_bytes or is_here((model, variant))):
        model = locate(variant, hub=hub)
    if not model.weights_bytes:
        raise BadRequest(f"It is not known how large '{model.name}' is, so its memory cannot be estimated.")
    return model


def _engines(model: Model, engine: str | None) -> list[tuple[str, Profile]]:
    """The engines to estimate for with their profiles; those that this server has come first."""
    candidates = {
        name: profile for name, profile in profiles() if profile.memory or (name in ENGINES and not profile.weightless)
    }
    if engine:
        name = canonical_name(engine)
        if name in ENGINES and name not in candidates:
            problem = f"'{engine}' runs models without files, so there is nothing to estimate; name another engine."
            raise InvalidParameter("model_engine", problem)
        if name not in candidates:
            titles = ", ".join(profile.title for profile in candidates.values())
            raise InvalidParameter("model_engine", f"'{engine}' cannot be estimated; known are {titles}.")
        return [(name, candidates[name])]
    names = [name for name in able(model) if name in candidates] or ["transformers"]
    return [(name, candidates[name]) for name in sorted(names, key=lambda name: name not in ENGINES)]


def cache_type(given: str | int | None) -> str:
    """The type of the KV cache's elements. Also accepts bits, as on Xinference's command line."""
    name = str(given if given is not None else "auto").strip().lower() or "auto"
    name = CACHE_SPELLINGS.get(name, name)
    if name not in CACHE_TYPES:
        raise InvalidParameter("kv_cache_dtype", f"'{given}' is none of 8, 16, 32, {', '.join(CACHE_TYPES)}.")
    return name
