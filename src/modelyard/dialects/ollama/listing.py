"""Models of this server as Ollama lists and describes them. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from modelyard.catalog.family import Family
from modelyard.catalog.hubs import HUBS
from modelyard.dialects.ollama.blueprint import PARENT, license_of, modelfile, parameter_text, template_of
from modelyard.dialects.ollama.reply import timestamp
from modelyard.protocol.cache import CachedModel
from modelyard.protocol.models import KnowledgeModel, ModelInfo
from modelyard.protocol.ollama import OllamaDescription, OllamaDetails, OllamaModel

FORMATS: Mapping[str, str] = {"ggufv2": "gguf"}
"""Our formats → Ollama's; others keep their names."""
CAPABILITIES: Mapping[str, str] = {
    "chat": "completion",
    "generate": "completion",
    "vision": "vision",
    "tools": "tools",
    "reasoning": "thinking",
    "hybrid": "thinking",
    "embed": "embedding",
}
"""Our abilities → Ollama's."""
EMBEDDINGS = "embedding"
NEVER = "2318-01-01T00:00:00Z"
"""When a model is unloaded that is kept for ever, as Ollama writes it."""


def size_text(billions: float | int | str | None) -> str:
    """A number of parameters as Ollama writes it, such as `7.0B` or `494M`; empty if it is not known."""
    try:
        number = float(str(billions).replace("_", "."))
    except ValueError:
        return ""
    return f"{number:.1f}B" if number >= 1 else f"{number * 1000:.0f}M"


def digest(*parts: str) -> str:
    """A stable digest of what a model is."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def details(info: ModelInfo) -> OllamaDetails:
    """What a model is."""
    family = info.model_family or info.model_name
    return OllamaDetails(
        parent_model=info.parent or "",
        format=FORMATS.get(info.model_format or "", info.model_format or ""),
        family=family,
        families=[family],
        parameter_size=size_text(info.model_size_in_billions),
        quantization_level=info.quantization or "",
    )


def labelled(name: str) -> str:
    """A name as Ollama lists it: with a tag, which its clients add to names that have none."""
    return name if ":" in name else f"{name}:latest"


def running(info: ModelInfo, loaded: bool = False) -> OllamaModel:
    """A running model in `/api/tags`; with `loaded`, in `/api/ps`."""
    size = (info.memory or {}).get("total" if loaded else "weights", 0)
    more: dict[str, Any] = {"modified_at": timestamp(info.created)}
    if loaded:
        vram = size if info.accelerators else 0
        more = {"expires_at": NEVER, "size_vram": vram, "context_length": info.context_length or 0}
    identity = digest(info.id, info.model_name, str(info.quantization), str(info.root))
    name = labelled(info.id)
    return OllamaModel(name=name, model=name, size=size, digest=identity, details=details(info), **more)


def base_model(base: KnowledgeModel) -> OllamaModel:
    """A knowledge base in `/api/tags`."""
    kind = OllamaDetails(
        format="knowledge_base", family="knowledge_base", families=[], parameter_size="", quantization_level=""
    )
    at = timestamp(base.created)
    return OllamaModel(name=base.id, model=base.id, modified_at=at, size=0, digest=digest(base.id), details=kind)


def cached(entry: CachedModel) -> OllamaModel:
    """A model in `/api/tags` that is on this machine and does not run."""
    tag = "-".join(filter(None, [size_text(entry.model_size_in_billions).lower(), entry.quantization.lower()]))
    name = labelled(f"{entry.model_name}:{tag}" if tag else entry.model_name)
    kind = OllamaDetails(
        format=FORMATS.get(entry.model_format, entry.model_format),
        family=entry.model_name,
        families=[entry.model_name],
        parameter_size=size_text(entry.model_size_in_billions),
        quantization_level=entry.quantization,
    )
    name_digest = digest(entry.model_id, entry.revision, entry.quantization)
    return OllamaModel(name=name, model=name, size=entry.size_bytes, digest=name_digest, details=kind)


def created(family: Family) -> OllamaModel | None:
    """A registered family in `/api/tags` whose files are on this machine; None for others. Reads the disk."""
    spec = family.specs[0]
    quantization = spec.quantizations[0]
    place = next((HUBS.get(hub).locate(each, quantization) for hub, each in spec.src.items() if each.path), None)
    if place is None:
        return None
    files = [place] if place.is_file() else [file for file in place.rglob("*") if file.is_file()]
    kind = OllamaDetails(
        parent_model=str((family.sent or {}).get(PARENT) or ""),
        format=FORMATS.get(spec.format, spec.format),
        family=family.family or family.name,
        families=[family.family or family.name],
        parameter_size=size_text(spec.size_in_billions),
        quantization_level="" if quantization == "none" else quantization,
    )
    name = labelled(family.name)
    return OllamaModel(
        name=name,
        model=name,
        modified_at=timestamp(place.stat().st_mtime),
        size=sum(file.stat().st_size for file in files),
        digest=digest(family.name, str(place), modelfile(family)),
        details=kind,
    )


def with_family(about: OllamaDescription, family: Family) -> OllamaDescription:
    """A description with what a registered family has: its Modelfile and the parts of it."""
    return msgspec.structs.replace(
        about,
        license=license_of(family),
        modelfile=modelfile(family),
        parameters=parameter_text(family) or about.parameters,
        template=template_of(family),
        system=family.system_prompt,
        messages=family.messages,
        details=msgspec.structs.replace(about.details, parent_model=str((family.sent or {}).get(PARENT) or "")),
        capabilities=about.capabilities or _abilities(family.all_abilities),
    )


def capabilities(info: ModelInfo) -> list[str]:
    """What a model can do."""
    if info.model_type == EMBEDDINGS:
        return [EMBEDDINGS]
    return _abilities(info.model_ability)


def _abilities(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(CAPABILITIES[each] for each in names if each in CAPABILITIES))


def description(info: ModelInfo) -> OllamaDescription:
    """A model in `/api/show`. Clients read the context length under the name of the architecture."""
    family = info.model_family or info.model_name
    found: dict[str, Any] = {"general.architecture": family, "general.basename": info.model_name}
    try:
        found["general.parameter_count"] = int(float(info.model_size_in_billions or 0) * 1e9)
    except ValueError:
        found["general.parameter_count"] = 0
    if info.context_length:
        found[f"{family}.context_length"] = info.context_length
    if info.dimensions:
        found[f"{family}.embedding_length"] = info.dimensions
    parameters = f"num_ctx                        {info.context_length}" if info.context_length else ""
    return OllamaDescription(
        license="",
        modelfile=f"FROM {info.id}\n",
        parameters=parameters,
        template="",
        details=details(info),
        model_info=found,
        capabilities=capabilities(info),
        modified_at=timestamp(info.created),
    )


def listed(model: OllamaModel) -> OllamaDescription:
    """What `/api/show` says about a model of `/api/tags` that does not run, or about a knowledge base."""
    return OllamaDescription(
        license="",
        modelfile=f"FROM {model.name}\n",
        parameters="",
        template="",
        details=model.details,
        model_info={"general.architecture": model.details.family, "general.basename": model.details.family},
        capabilities=["completion"] if model.details.family == "knowledge_base" else [],
        modified_at=model.modified_at or NEVER,
    )
