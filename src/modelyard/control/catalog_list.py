"""Lists the families of the catalog, filtered and page by page, each with the version that would run on this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from modelyard.catalog.descriptions import one_line
from modelyard.catalog.family import Family
from modelyard.catalog.index import Catalog
from modelyard.catalog.memory import sketch
from modelyard.catalog.record import Cached
from modelyard.catalog.resolve import variants
from modelyard.control.engine_choice import (
    Candidate,
    Offer,
    Requirements,
    choose,
    refusal,
    runnable,
    too_large,
    weigh,
)
from modelyard.control.placement import Machine
from modelyard.control.registrations import here
from modelyard.core.errors import InvalidParameter
from modelyard.core.types import ModelType
from modelyard.protocol.catalog import CatalogEntry, CatalogPage, FittingVersion

TYPES = list(ModelType)


@dataclass(frozen=True, slots=True)
class CatalogFilter:
    """Conditions on families to list; None means no condition."""

    sees: Callable[[str], bool]
    """Whether the caller may see a family of this name."""
    type: ModelType | None = None
    text: str = ""
    """Words that name, aliases, description or languages must contain, in any letter case."""
    ability: str | None = None
    language: str | None = None
    cached: bool | None = None
    fits: bool | None = None


def catalog_page(
    catalog: Catalog, machine: Machine, filters: CatalogFilter, limit: int, cursor: str | None
) -> CatalogPage:
    """One page, in the order of types and names. Reads the cache folders, so call it in a thread. Raises `InvalidParameter`."""
    start = _place(cursor) if cursor else None
    families = sorted(catalog.families(filters.type), key=_key)
    matching = [family for family in families if _matches(family, filters)]
    rest = [family for family in matching if start is None or _key(family) > start]
    entries = list(_entries(catalog, machine, rest, filters, limit + 1))
    page = entries[:limit]
    more = len(entries) > limit
    return CatalogPage(
        data=page,
        total=len(matching) if filters.cached is None and filters.fits is None else None,
        has_more=more,
        next_cursor=f"{page[-1].model_type}/{page[-1].model_name}" if more else None,
    )


def _key(family: Family) -> tuple[int, str]:
    return TYPES.index(family.type), family.name.lower()


def _place(cursor: str) -> tuple[int, str]:
    """The place of a cursor in the order of families, whether or not its family is still there."""
    kind, slash, name = cursor.partition("/")
    if not slash or kind not in TYPES:
        raise InvalidParameter("cursor", "it must be the next_cursor of the page before.")
    return TYPES.index(ModelType(kind)), name.lower()


def _matches(family: Family, filters: CatalogFilter) -> bool:
    if not filters.sees(family.name) or (filters.ability and filters.ability not in family.all_abilities):
        return False
    if filters.language and filters.language.lower() not in (each.lower() for each in family.languages):
        return False
    words = filters.text.lower().split()
    if not words:
        return True
    texts = (family.name, family.family, *family.aliases, one_line(family), family.description_zh, *family.languages)
    text = "\n".join(filter(None, texts)).lower()
    return all(word in text for word in words)


def _entries(
    catalog: Catalog, machine: Machine, families: list[Family], filters: CatalogFilter, most: int
) -> Iterator[CatalogEntry]:
    """The entries that pass the filters about this machine; families are looked at until there are `most` entries."""
    is_here, count = here(), 0
    for family in families:
        cached = _is_cached(family, is_here)
        if filters.cached is not None and cached is not filters.cached:
            continue
        entry = _entry(family, catalog.built_in(family.name, family.type), cached, machine, is_here)
        if filters.fits is not None and entry.fits is not filters.fits:
            continue
        yield entry
        if (count := count + 1) == most:
            return


def entry_of(family: Family, built_in: bool, machine: Machine) -> CatalogEntry:
    """The entry of one family, which need not be in the catalog. Reads the cache folders, so call it in a thread."""
    is_here = here()
    return _entry(family, built_in, _is_cached(family, is_here), machine, is_here)


def _is_cached(family: Family, is_here: Cached) -> bool:
    return any(
        is_here(hub, source, quantization)
        for spec in family.specs
        for hub, source in spec.src.items()
        for quantization in spec.quantizations_of(source)
    )


def _entry(family: Family, built_in: bool, cached: bool, machine: Machine, is_here: Cached) -> CatalogEntry:
    best, reason = _best(family, machine, is_here)
    fits = best is not None and best.problem is None
    return CatalogEntry(
        model_name=family.name,
        model_type=family.type.value,
        model_description=one_line(family),
        model_description_zh=family.description_zh or None,
        model_ability=family.all_abilities,
        model_lang=family.languages,
        context_length=family.context_length or None,
        dimensions=family.dimensions,
        sizes=list(dict.fromkeys(spec.size_in_billions for spec in family.specs if spec.size_in_billions is not None)),
        formats=list(dict.fromkeys(spec.format for spec in family.specs)),
        is_builtin=built_in,
        cached=cached,
        fits=fits,
        best=_version(best) if best is not None else None,
        reason=None if fits else reason,
    )


def _best(family: Family, machine: Machine, is_here: Cached) -> tuple[Candidate | None, str]:
    """What a launch by the family's name would choose, else the smallest version with the reason why none is launched."""

    def on_this_machine(offer: Offer) -> bool:
        _, variant = offer
        assert variant is not None, "offers of a family have one"
        return any(is_here(hub, source, variant.quantization) for hub, source in variant.spec.src.items())

    offers: list[Offer] = [(sketch(variant), variant) for variant in variants(family)]
    requirements = Requirements(family.name)
    choices, reasons = runnable(offers, requirements, machine, on_this_machine)
    if not choices:
        return None, refusal(family.name, offers, requirements, reasons).message
    candidates = [weigh(each, requirements, machine) for each in choices]
    if (best := choose(candidates)) is not None:
        return best, ""
    return min(candidates, key=lambda one: one.need.total), too_large(family.name, candidates).message


def _version(one: Candidate) -> FittingVersion:
    return FittingVersion(
        model_engine=one.engine,
        model_format=one.model.format,
        model_size_in_billions=one.model.size_in_billions,
        quantization=one.model.quantization,
        cached=one.here,
        comfortable=one.comfortable,
        memory=one.need.total,
        memory_total=one.capacity,
        n_gpu=one.gpus,
        weights=one.model.weights_bytes or None,
    )
