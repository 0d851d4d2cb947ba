"""Launched models and the variants of a family in Xinference's terms: instances and versions."""

from __future__ import annotations

from modelyard.catalog.family import Family
from modelyard.catalog.hubs import HUBS
from modelyard.catalog.resolve import Variant, variants
from modelyard.catalog.version import version_of
from modelyard.control.views import ModelView
from modelyard.core.traffic import Traffic
from modelyard.protocol.lifecycle import Instance, ModelVersionInfo, ReplicaStatus
from modelyard.web.views import DEFAULT_ABILITIES, STATUS, replica_infos


def instance(view: ModelView, address: str) -> Instance:
    """A launched model with the state of each replica."""
    model = view.desired.launch.model
    replicas = [
        ReplicaStatus(
            **each.model_dump(include=set(ReplicaStatus.model_fields)) | {"model_state": each.status},
        )
        for each in replica_infos(view, Traffic(), address)
    ]
    return Instance(
        model_name=model.name,
        model_uid=view.desired.uid,
        model_version=version_of(model.name, model.size_in_billions, model.format, model.quantization),
        model_ability=list(model.abilities) or DEFAULT_ABILITIES.get(model.type, []),
        replica=len(view.desired.ordinals),
        status=STATUS[view.state],
        instance_created_ts=int(view.desired.created_at),
        replica_statuses=replicas,
    )


def version_infos(family: Family, address: str) -> list[ModelVersionInfo]:
    """Every variant of a family, in the order of its file."""
    return [_version(variant, address) for variant in variants(family)]


def _version(variant: Variant, address: str) -> ModelVersionInfo:
    spec, family = variant.spec, variant.family
    place = _place(variant)
    return ModelVersionInfo(
        model_version=version_of(family.name, variant.size, spec.format, variant.quantization),
        model_file_location={address: place} if place else None,
        cache_status=place is not None,
        quantization=variant.quantization,
        model_format=spec.format,
        model_size_in_billions=spec.size_in_billions,
        model_type=family.type.value,
    )


def _place(variant: Variant) -> str | None:
    """Where the files of a variant are on this machine."""
    for name, source in variant.spec.src.items():
        if name in HUBS and (found := HUBS.get(name).locate(source, variant.quantization)) is not None:
            return str(found)
    return None
