"""Routes for the models that the server launches when it starts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace
from pydantic import ValidationError

from modelyard.control.autostart import AutostartRow, Autostarts
from modelyard.control.launch_plans import checked_uid
from modelyard.core.access import Grant
from modelyard.core.errors import InvalidParameter, MalformedBody, ModelyardError, PermissionDenied
from modelyard.core.mismatches import field_problem
from modelyard.core.secrets import mask_secrets, restore_secrets
from modelyard.core.trust import Trust
from modelyard.protocol.lifecycle import (
    AutostartEntry,
    AutostartList,
    AutostartRemoved,
    AutostartState,
    AutostartSummary,
    AutostartSummaryItem,
)
from modelyard.protocol.models import LaunchRequest
from modelyard.web.deps import Parts, TheGrant, TheParts, TheTrust
from modelyard.web.router import Router

router = Router("/v1/autostart", tags=["autostart"])


@router.get("/models", scope="models:list")
async def list_entries(parts: TheParts, grant: TheGrant) -> AutostartList:
    """Every entry, in the order in which they start."""
    entries = await parts.autostarts.entries()
    return AutostartList(models=[_view(parts.autostarts, entry) for entry in entries if sees(grant, entry)])


@router.post("/models", scope="models:write")
async def put_entries(
    body: AutostartEntry | AutostartList, parts: TheParts, grant: TheGrant, trust: TheTrust
) -> AutostartEntry | AutostartList:
    """Add or replace one entry, or several as `{"models": [...]}`. It takes effect at the next start of the server."""
    models = body.models if isinstance(body, AutostartList) else [body]
    before = {entry.uid: entry.launch for entry in await parts.autostarts.entries()}
    entries = [_entry(each) for each in models]
    for entry in entries:
        if grant is not None:
            grant.check_model(entry.uid)
    entries = [
        replace(entry, launch=_with_secrets(entry, before.get(entry.uid, {}), trust), trusted=trust.full)
        for entry in entries
    ]
    for entry in entries:
        await _check(parts, entry, trust)
    await parts.autostarts.put(entries)
    answers = [_view(parts.autostarts, entry) for entry in entries]
    return AutostartList(models=answers) if isinstance(body, AutostartList) else answers[0]


@router.get("/models/summary", scope="models:list")
async def summary(parts: TheParts, grant: TheGrant) -> AutostartSummary:
    """The entries without their launches."""
    entries = [entry for entry in await parts.autostarts.entries() if sees(grant, entry)]
    items = [
        AutostartSummaryItem(
            model_uid=entry.uid,
            model_name=_text(entry.launch.get("model_name")),
            model_type=_text(entry.launch.get("model_type")),
            enabled=entry.enabled,
            priority=entry.priority,
            status=parts.autostarts.progress(entry.uid).status,
        )
        for entry in entries
    ]
    return AutostartSummary(total=len(items), enabled=sum(item.enabled for item in items), models=items)


@router.get("/models/{uid:path}", scope="models:list")
async def get_entry(uid: str, parts: TheParts) -> AutostartEntry:
    """One entry."""
    return _view(parts.autostarts, await parts.autostarts.get(uid))


@router.delete("/models/{uid:path}", scope="models:write")
async def remove_entry(uid: str, parts: TheParts) -> AutostartRemoved:
    """Remove an entry. A running model keeps running."""
    await parts.autostarts.remove(uid)
    return AutostartRemoved(model_uid=uid)


def _with_secrets(entry: AutostartRow, before: Mapping[str, Any], trust: Trust) -> dict[str, Any]:
    """The launch of an entry, in which masked secrets keep their former values.

    Raises `PermissionDenied` for a caller who would use another person's secrets in a different launch than the one that
    they were given for.
    """
    launch = restore_secrets(entry.launch, before)
    if not trust.full and launch != entry.launch and launch != before:
        raise PermissionDenied(
            f"{trust.caller} may not change the autostart entry of '{entry.uid}' and keep the secrets in it; send them again."
        )
    return launch


async def _check(parts: Parts, entry: AutostartRow, trust: Trust) -> None:
    """Raise `PermissionDenied` for a launch that the caller may not request, as far as that is known now.

    A launch that cannot be planned yet, because its files or its memory are missing, is checked when it starts.
    """
    if trust.full:
        return
    try:
        await parts.deployments.plan(entry.request(), trust)
    except PermissionDenied:
        raise
    except ModelyardError:
        return


def sees(grant: Grant | None, entry: AutostartRow) -> bool:
    """Whether a key may see an entry."""
    return grant is None or grant.sees(entry.uid)


def _entry(body: AutostartEntry) -> AutostartRow:
    """Decode an entry. Raises `BadRequest` for a launch that could never start."""
    try:
        launch = LaunchRequest.model_validate(body.launch)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise InvalidParameter(f"launch.{where}", f"{field_problem(first['type'], first['msg'])}.") from None
    try:  # values that neither a database nor JSON can represent: NaN, an unpaired surrogate
        json.dumps(body.launch, allow_nan=False, ensure_ascii=False).encode()
    except ValueError:
        raise InvalidParameter("launch", "it holds a number or text that is not valid JSON.") from None
    name = launch.model_uid or launch.model_name
    if not name:
        raise MalformedBody("The launch of an autostart entry needs a model_name, or a model_uid and a model_path.")
    return AutostartRow(
        uid=checked_uid(name),
        launch=body.launch,
        enabled=body.enabled,
        priority=body.priority,
        max_retries=body.max_retries,
        retry_interval_seconds=body.retry_interval_seconds,
    )


def _view(autostarts: Autostarts, entry: AutostartRow) -> AutostartEntry:
    progress = autostarts.progress(entry.uid)
    return AutostartEntry(
        enabled=entry.enabled,
        priority=entry.priority,
        max_retries=entry.max_retries,
        retry_interval_seconds=entry.retry_interval_seconds,
        launch=mask_secrets(entry.launch),
        state=AutostartState(
            status=progress.status, attempts=progress.attempts, error=progress.error, updated_at=progress.updated_at
        ),
        model_uid=entry.uid,
    )


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
