"""Management routes for families: lists, registrations, and prompts."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from fastapi import Query, Response

from modelyard.catalog.family import Family
from modelyard.catalog.index import Catalog
from modelyard.catalog.record import by_ability, prompts, record
from modelyard.control.catalog_list import entry_of
from modelyard.control.drafts import draft
from modelyard.core.access import Grant
from modelyard.core.errors import InvalidParameter
from modelyard.core.types import ModelType
from modelyard.protocol.registrations import (
    DraftRequest,
    FamilyRecord,
    ModelPrompt,
    RegistrationCheck,
    RegistrationDraft,
    RegistrationRequest,
    RegistrationSummary,
)
from modelyard.web.base_access import check_models
from modelyard.web.deps import TheCatalog, TheGrant, TheParts, TheRegistrations, TheTrust
from modelyard.web.file_access import check_path, may_name_files
from modelyard.web.router import Router

router = Router(tags=["registrations"])

Page = Annotated[int, Query(ge=1, le=1_000_000)]
PageSize = Annotated[int | None, Query(ge=1, le=10_000)]


@router.get("/v1/models/prompts", scope="models:list", response_model=dict[str, ModelPrompt])
async def get_prompts(catalog: TheCatalog, grant: TheGrant) -> Response:
    """Model → prompt format: the seven fields of its prompt style, and its chat template if the files have none."""
    return as_json(prompts(await asyncio.to_thread(_seen, catalog, grant)))


@router.get("/v1/models/families", scope="models:list")
async def get_families(catalog: TheCatalog, grant: TheGrant) -> dict[str, list[str]]:
    """Ability → the language models that have it."""
    return by_ability(await asyncio.to_thread(_seen, catalog, grant))


@router.post("/v1/model_registrations/drafts", scope="models:register")
async def draft_registration(body: DraftRequest, grant: TheGrant, catalog: TheCatalog) -> RegistrationDraft:
    """A record for a repository of a hub, or for files of the server's machine, as far as these describe themselves."""
    check_path(grant, body.source)
    kind, found = await asyncio.to_thread(draft, body, catalog, may_name_files(grant))
    return RegistrationDraft(model_type=kind, model=found)


@router.post("/v1/model_registrations/{model_type}", scope="models:register")
async def register(
    model_type: str,
    body: RegistrationRequest,
    registrations: TheRegistrations,
    parts: TheParts,
    grant: TheGrant,
    trust: TheTrust,
) -> RegistrationCheck | None:
    """Register a family. It can be launched by its name at once. With `dry_run` it is only checked."""
    kind = type_named(model_type)
    family = await registrations.read(kind, body.model)
    await parts.autostarts.check_family(family.name, trust)
    if not body.dry_run:
        await registrations.register(kind, body.model, body.persist, may_name_files(grant))
        return None
    family = await registrations.check(kind, body.model, body.persist, may_name_files(grant))
    machine = await parts.deployments.machine()
    entry = await asyncio.to_thread(entry_of, family, False, machine)
    return RegistrationCheck(record=FamilyRecord.model_validate(record(family, built_in=False)), entry=entry)


@router.get(
    "/v1/model_registrations/{model_type}",
    scope="models:list",
    response_model=list[RegistrationSummary] | list[FamilyRecord],
)
async def list_registrations(
    model_type: str,
    registrations: TheRegistrations,
    grant: TheGrant,
    detailed: bool = False,
    full: bool = False,
    page: Page = 1,
    page_size: PageSize = None,
) -> Response:
    """Every family of a type, built-in or registered; with `detailed` the full record of each.

    A spec is shown with one hub's source; `full` adds the others. `page_size` limits the list, whose full length is in
    `X-Total-Count`.
    """
    kind = type_named(model_type)
    if detailed:
        found = await asyncio.to_thread(registrations.records, kind, full=full)
    else:
        found = await asyncio.to_thread(registrations.summaries, kind)
    if grant is not None:
        found = [each for each in found if grant.sees(str(each["model_name"]))]
    rows: Sequence[Any] = found[(page - 1) * page_size : page * page_size] if page_size else found
    return as_json(rows, {"X-Total-Count": str(len(found))})


@router.get("/v1/model_registrations/{model_type}/{model_name:path}", scope="models:list", response_model=FamilyRecord)
async def get_registration(
    model_type: str, model_name: str, registrations: TheRegistrations, grant: TheGrant
) -> Response:
    """The full record of one family."""
    check_models(grant, model_name)
    return as_json(await asyncio.to_thread(registrations.record, type_named(model_type), model_name))


@router.delete("/v1/model_registrations/{model_type}/{model_name:path}", scope="models:register")
async def unregister(
    model_type: str, model_name: str, registrations: TheRegistrations, parts: TheParts, trust: TheTrust
) -> None:
    """Remove a registered family that no launched model uses."""
    await parts.autostarts.check_family(model_name, trust)
    await registrations.unregister(type_named(model_type), model_name)


def _seen(catalog: Catalog, grant: Grant | None) -> list[Family]:
    """The language models of the catalog that a key may see."""
    return [each for each in catalog.families(ModelType.LLM) if grant is None or grant.sees(each.name)]


def type_named(name: str) -> ModelType:
    """The model type of this name, in any letter case. Raises `InvalidParameter`."""
    for kind in ModelType:
        if name.lower() == kind.lower():
            return kind
    raise InvalidParameter("model_type", f"'{name}' is none of {', '.join(ModelType)}.")


def as_json(content: Any, headers: dict[str, str] | None = None) -> Response:
    """JSON encoded by msgspec, which is ten times as fast as FastAPI."""
    return Response(msgspec.json.encode(content), media_type="application/json", headers=headers)
