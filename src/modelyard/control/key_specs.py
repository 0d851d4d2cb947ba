"""Properties of keys that are created or changed, and the rule that nobody grants more rights than they have."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from modelyard.core.access import ADMIN, READ, WRITE, Grant
from modelyard.core.aliases import NO_ALIASES
from modelyard.core.errors import InvalidParameter, PermissionDenied
from modelyard.core.names import check_line
from modelyard.db.tables import Key


@dataclass(frozen=True, slots=True)
class KeySpec:
    """The properties of a key to create."""

    name: str
    scopes: tuple[str, ...] | None = None
    """None stands for `admin` if there is no administrator yet, else for the scopes of inference."""
    models: tuple[str, ...] | None = None
    bases: Mapping[str, str] | None = None
    """The knowledge bases that it may use, each with `read` or `write`; None for all."""
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    expires_in: float | None = None
    """Seconds."""
    owner: str | None = None
    """Owner id whose private rows the key shares; None for a new one."""

    @classmethod
    def of(cls, row: Key) -> KeySpec:
        """The present properties of a key."""
        return cls(
            name=row.name,
            scopes=tuple(row.scopes),
            models=None if row.models is None else tuple(row.models),
            bases=row.bases,
            requests_per_minute=row.requests_per_minute,
            tokens_per_minute=row.tokens_per_minute,
            expires_in=None if row.expires_at is None else row.expires_at - time.time(),
            owner=row.owner,
        )


@dataclass(frozen=True, slots=True)
class KeyChange:
    """New values for properties of a key: any field of `KeySpec` except `owner`."""

    values: Mapping[str, Any] = field(default_factory=dict)

    def apply(self, spec: KeySpec) -> KeySpec:
        """The properties of the key after the change."""
        return replace(spec, **self.values)


def check_lines(spec: KeySpec) -> None:
    """Raise `InvalidParameter` for names that no log or table could hold."""
    for field_name, text in (("name", spec.name), *(("models", model) for model in spec.models or ())):
        check_line(field_name, text)


def checked_bases(bases: Mapping[str, str] | None) -> dict[str, str] | None:
    """Check the access levels of bases. Raises `InvalidParameter` for an unknown level."""
    for name, level in (bases or {}).items():
        if level not in (READ, WRITE):
            raise InvalidParameter("bases", f"'{level}' for '{name}' is neither '{READ}' nor '{WRITE}'.")
    return None if bases is None else dict(bases)


def checked_models(models: Iterable[str] | None) -> list[str] | None:
    """Names of models, each once and sorted; None for all."""
    return None if models is None else sorted(set(models))


def check_narrower(spec: KeySpec, scopes: Iterable[str], by: Grant | None) -> None:
    """Raise `PermissionDenied` if a key would allow more than the key that creates it."""
    if by is None or by.allows(ADMIN):
        return
    for scope in scopes:
        by.check(scope)
    exactly = replace(by, aliases=NO_ALIASES)  # tomorrow an alias may stand for another model
    for model in spec.models or ():
        exactly.check_model(model)
    for base, level in (spec.bases or {}).items():
        by.check_base(base, level)
    limits = (
        (by.requests_per_minute, spec.requests_per_minute),
        (by.tokens_per_minute, spec.tokens_per_minute),
        (by.expires_at - time.time() if by.expires_at and by.user is None else None, spec.expires_in),
    )
    wider = any(own_limit is not None and (limit is None or limit > own_limit) for own_limit, limit in limits)
    unnamed = (by.models is not None and spec.models is None) or (by.bases is not None and spec.bases is None)
    if wider or unnamed:
        raise PermissionDenied(f"The key '{by.name}' has limits, and what it makes may not have wider ones.")
