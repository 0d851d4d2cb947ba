"""Plans a launch: decides weights, engine and options. Reads files and queries hubs, starts nothing."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace

from modelyard.catalog.find import find, locate, looks_like_path
from modelyard.catalog.hubs import REMOTE
from modelyard.catalog.hubs.cache import cached
from modelyard.catalog.hubs.queries import AUTO
from modelyard.catalog.index import FAMILIES, Catalog
from modelyard.catalog.memory import sketch
from modelyard.catalog.resolve import Variant, matching
from modelyard.control import adapter_files
from modelyard.control.engine_choice import EngineChoice, Offer, Requirements, decide
from modelyard.control.family_options import options_of_family
from modelyard.control.other_engines import naming_others
from modelyard.control.placement import Machine, show
from modelyard.control.privileges import UNKNOWN, Permit
from modelyard.control.template_checks import templated
from modelyard.control.unsupported_keys import refuse_unsupported, without_harmless
from modelyard.core.errors import BadRequest, InvalidParameter, NoEngineFits, NotFound
from modelyard.core.names import BASE, checked_model_name
from modelyard.core.types import Hardware, Json, Launch, Model, ModelType
from modelyard.engines import ENGINES
from modelyard.engines.base import ADAPTERS, Engine
from modelyard.engines.names import ELSEWHERE, canonical_name, title_of
from modelyard.protocol.models import LaunchRequest

ALIASES = "aliases"
"""The launch parameter that errors about aliases name."""


def plan_launch(
    request: LaunchRequest, machine: Machine, catalog: Catalog = FAMILIES, permit: Permit = UNKNOWN
) -> Launch:
    """Decide and check everything about a launch that does not need a process.

    Raises a `BadRequest`, `NotFound` or `NotEnoughMemory` with the reason, or `PermissionDenied` for what the caller may
    not request.
    """
    refuse_unsupported(request)
    request, adapters = adapter_files.separated(request)
    extras: dict[str, Json] = dict(request.model_extra or {})
    hub_name = extras.pop("download_hub", None)
    projector = str(extras.pop("multimodal_projector", None) or "") or None
    engine = request.model_engine or extras.pop("engine", None)
    extras = {**options_of_family(request, catalog, extras), **extras}
    if request.enable_thinking is not None:
        extras["enable_thinking"] = request.enable_thinking
    requirements = Requirements(
        uid=request.model_uid or request.model_name or "",
        engine=_named_engine(str(engine), request) if engine else None,
        options=extras,
        gpus=_gpus(request, machine.hardware),
        gpu_idx=_gpu_idx(request.gpu_idx, machine.hardware),
        adapters=adapters,
    )
    if requirements.engine:
        _refuse_useless_gpus(requirements, ENGINES.get(requirements.engine), machine.hardware)
    hub = checked_hub(hub_name)
    offers = _offers(request, requirements.engine, catalog, hub, projector)
    name = request.model_name or offers[0][0].name
    choice = decide(name, offers, requirements, machine, is_here)
    _refuse_useless_gpus(requirements, ENGINES.get(choice.engine), machine.hardware)
    launch = _launch(request, requirements, choice, permit)
    if choice.variant is not None:
        launch = replace(launch, model=locate(choice.variant, hub=hub, projector=projector))
        ENGINES.get(launch.engine).check(launch)  # again, because the files may support less than the catalog says
    if projector and not launch.model.projector:
        raise InvalidParameter("multimodal_projector", f"'{name}' has none; GGUF models that see or hear have.")
    if request.model_path and request.model_name:
        launch = replace(launch, model=replace(launch.model, name=request.model_name))
    launch = templated(launch)
    adapter_files.check(launch, adapters)
    return launch


def _launch(request: LaunchRequest, requirements: Requirements, choice: EngineChoice, permit: Permit) -> Launch:
    """The launch of a choice, after checks that need no hub: names, variables, permissions and options."""
    engine = ENGINES.get(choice.engine)
    launch = Launch(
        uid=checked_uid(request.model_uid or default_uid(request, choice.model)),
        model=choice.model,
        engine=choice.engine,
        options=without_harmless(requirements.options, engine),
        env=checked_environment(request.envs or {}),
        gpus=choice.gpus,
        gpu_idx=requirements.gpu_idx,
        request_limit=request.request_limits,
        adapters=requirements.adapters,
        trusted=permit.trust.full,
        aliases=tuple(request.aliases or ()),
    )
    for adapter in launch.adapters:
        checked_uid(adapter.name, ADAPTERS)
    _check_aliases(launch)
    with naming_others():
        permit.check(launch)
        engine.check(launch)
    return launch


def _named_engine(engine: str, request: LaunchRequest) -> str:
    """The registered name of the engine that the request names. Raises `NoEngineFits` or `NotFound`."""
    name = canonical_name(engine)
    model = request.model_name or request.model_path or request.model_uid or "this model"
    if name in ELSEWHERE and name not in ENGINES:
        have = ", ".join(title_of(each) for each in ENGINES)
        raise NoEngineFits(model, {title_of(name): f"this server does not have that engine; it has {have}"})
    ENGINES.get(name)
    return name


def checked_hub(hub: Json) -> str | None:
    """The name of a hub, or None if the request leaves it open. Raises `InvalidParameter` with the known hubs."""
    if hub in (None, ""):
        return None
    if hub not in (AUTO, *REMOTE):
        raise InvalidParameter("download_hub", f"'{hub}' is none of {', '.join((AUTO, *REMOTE))}.")
    return str(hub)


def _offers(
    request: LaunchRequest, engine: str | None, catalog: Catalog, hub: str | None, projector: str | None
) -> list[Offer]:
    """What a name refers to: every variant of a family that satisfies the request, or the single model of a path or hub id."""
    kind = model_type(request.model_type)
    if engine and (format := ENGINES.get(engine).profile.weightless):
        return [(_without_weights(request, format, kind), None)]
    if not request.model_name and not request.model_path:
        raise InvalidParameter(
            "model_name", "it is required: a family of the catalog, or a path to a .gguf file or folder."
        )
    if not request.model_path and request.model_name and (offers := family_offers(request, catalog)):
        return offers
    model = find(
        request.model_name or str(request.model_path),
        type=kind,
        size=request.model_size_in_billions,
        format=request.model_format,
        quantization=request.quantization,
        path=request.model_path,
        catalog=catalog,
        hub=hub,
        projector=projector,
    )
    if kind is not None and model.type is not kind:
        raise BadRequest(f"'{model.name}' is a model of type {model.type}, not {kind}.")
    return [(model, None)]


def family_offers(request: LaunchRequest, catalog: Catalog) -> list[Offer]:
    """The variants of a family that satisfy the request; empty if there is no family of that name.

    Raises `InvalidParameter` naming the field that no variant satisfies.
    """
    name = str(request.model_name)
    if looks_like_path(name):
        return []
    try:
        family = catalog.get(name, model_type(request.model_type))
    except NotFound:
        return []
    variants = matching(
        family,
        size=request.model_size_in_billions,
        format=request.model_format,
        quantization=request.quantization,
    )
    return [(sketch(variant), variant) for variant in variants]


def _without_weights(request: LaunchRequest, format: str, kind: ModelType | None) -> Model:
    """The model of an engine without weights, described by the request alone."""
    name = request.model_name or request.model_uid
    if not name:
        raise InvalidParameter("model_name", "it is required.")
    return Model(name=name, type=kind or ModelType.LLM, format=format)


def is_here(offer: Offer) -> bool:
    """Whether the files of a variant are on this machine."""
    variant: Variant | None = offer[1]
    if variant is None:
        return True
    return any(cached(source, variant.quantization) for source in variant.spec.src.values())


def default_uid(request: LaunchRequest, model: Model) -> str:
    """The name by which the model was launched, as in Xinference, or the model's own name if that is a path."""
    name = request.model_name
    return model.name if name is None or looks_like_path(name) or os.path.isdir(name) else name


def checked_uid(uid: str, param: str = "model_uid") -> str:
    """Return a model's uid. Raises `InvalidParameter` for one that does not fit into a URL, a log line or a terminal."""
    if not uid or len(uid) > 100:
        raise InvalidParameter(param, "a name must have 1 to 100 characters.")
    if not uid.isprintable() or uid != uid.strip() or uid.startswith("/") or uid.endswith("/"):
        raise InvalidParameter(param, f"{uid!r} may not hold control characters or begin or end with space or '/'.")
    return checked_model_name(param, uid)


def _check_aliases(launch: Launch) -> None:
    """Raise `InvalidParameter` for an alias that is no possible name, or that the launch gives to something else, too."""
    names = {launch.uid: "the model's own uid", **{adapter.name: "one of its adapters" for adapter in launch.adapters}}
    for alias in launch.aliases:
        checked_uid(alias, ALIASES)
        if alias.startswith(BASE):
            raise InvalidParameter(ALIASES, f"'{alias}': names that begin with '{BASE}' are those of knowledge bases.")
        if alias in names:
            raise InvalidParameter(ALIASES, f"'{alias}' is {names[alias]}; leave it out, or choose another name.")
        names[alias] = "named twice"


def checked_environment(envs: Mapping[str, str]) -> Mapping[str, str]:
    """Return environment variables. Raises `InvalidParameter` for those that no process can have."""
    for name, value in envs.items():
        if not name or "=" in name or "\0" in name + value or not _encodable(name + value):
            raise InvalidParameter("envs", f"{name!r} cannot be a variable with that value.")
    return envs


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def model_type(name: str | None) -> ModelType | None:
    """A model type in any letter case. Raises `InvalidParameter` with the known types."""
    if not name:
        return None
    for kind in ModelType:
        if name.lower() == kind.lower():
            return kind
    raise InvalidParameter("model_type", f"'{name}' is none of {', '.join(ModelType)}.")


def _gpus(request: LaunchRequest, hardware: Hardware) -> int | None:
    """GPUs per replica, as the request names or counts them; None (`auto`) leaves it to the engine and the free memory."""
    number = request.n_gpu
    named = len(_gpu_idx(request.gpu_idx, hardware))
    if number in ("auto", "") or (number is None and named):
        return named or None
    if number in (None, "none"):
        return 0
    try:
        count = int(str(number))
    except ValueError:
        raise InvalidParameter("n_gpu", f"'{number}' is no number, 'auto' or null.") from None
    if count < 0:
        raise InvalidParameter("n_gpu", "it must not be negative.")
    if count > len(hardware.gpus):
        raise InvalidParameter("n_gpu", f"{count} per replica are asked for, and {_have(hardware)} {INSTEAD}")
    return count


INSTEAD = "Leave n_gpu out and the launch takes what there is; null is the CPU alone."


def _have(hardware: Hardware) -> str:
    """The available devices, as text for a refusal."""
    if not hardware.gpus:
        return f"this machine has none; {show(hardware.cpu.memory_free)} of its main memory are free."
    free = ", ".join(f"{gpu.name} with {show(gpu.memory_free)} free" for gpu in hardware.gpus)
    return f"this machine has {free}."


def _refuse_useless_gpus(requirements: Requirements, engine: Engine, hardware: Hardware) -> None:
    """Raise `InvalidParameter` if the request requires GPUs and the engine would not use them."""
    if requirements.gpus and hardware.gpus and not engine.uses_gpus():
        raise InvalidParameter(
            "n_gpu", f"{engine.profile.title}, as it is installed here, does not compute on GPUs. {INSTEAD}"
        )


def _gpu_idx(value: int | str | list[int] | None, hardware: Hardware) -> tuple[int, ...]:
    if value is None or value == "":
        return ()
    parts = [value] if isinstance(value, int) else value.split(",") if isinstance(value, str) else value
    try:
        indexes = tuple(int(part) for part in parts)
    except ValueError:
        raise InvalidParameter("gpu_idx", f"'{value}' is no list of GPU indexes.") from None
    for index in indexes:
        if not 0 <= index < len(hardware.gpus):
            raise InvalidParameter("gpu_idx", f"there is no GPU {index}: {_have(hardware)}")
    return indexes
