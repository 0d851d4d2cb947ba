"""Chooses one variant of a family: size, format and quantisation. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from modelyard.catalog.family import Family, Size, Spec
from modelyard.core.errors import InvalidParameter

FORMATS = ("ggufv2", "pytorch", "fp8", "awq", "gptq", "bnb", "fp4", "mlx")
"""Formats in order of preference, for requests that name none: those that run without a GPU first."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One size of a family in one format and quantisation."""

    family: Family
    spec: Spec
    quantization: str

    @property
    def size(self) -> float | None:
        return size_of(self.spec.size_in_billions)


def size_of(given: Size | None) -> float | None:
    """Billions of parameters as a number: accepts `1.8`, `"1.8"`, `"1_8"` and `"1.8B"`. Raises `InvalidParameter`."""
    if given is None or isinstance(given, int | float):
        return None if given is None else float(given)
    try:
        return float(given.strip().lower().removesuffix("b").replace("_", "."))
    except ValueError:
        raise InvalidParameter("model_size_in_billions", f"'{given}' is not a number.") from None


def variants(family: Family) -> list[Variant]:
    """All variants of a family."""
    return [Variant(family, spec, quantization) for spec in family.specs for quantization in quantizations(spec)]


def quantizations(spec: Spec) -> list[str]:
    """The quantisations that any source of the spec has, in the order of the spec's own list."""
    found = {name for source in spec.src.values() for name in spec.quantizations_of(source)}
    ordered = [name for name in spec.quantizations if name in found]
    for source in spec.src.values():
        ordered += [name for name in source.quantizations if name not in ordered]
    return ordered or spec.quantizations


def resolve(
    family: Family,
    *,
    size: Size | None = None,
    format: str | None = None,
    quantization: str | None = None,
    formats: Sequence[str] = FORMATS,
) -> Variant:
    """The variant that satisfies the criteria; of several, the one with the preferred format, then the first in the file.

    The machine is not considered; `control/engine_choice.py` does that. Raises `InvalidParameter`.
    """
    order = {name: place for place, name in enumerate(formats)}
    found = matching(family, size=size, format=format, quantization=quantization)
    return min(found, key=lambda one: order.get(one.spec.format, len(order)))


def matching(
    family: Family, *, size: Size | None = None, format: str | None = None, quantization: str | None = None
) -> list[Variant]:
    """All variants that satisfy the criteria, in the order of the file.

    Raises `InvalidParameter` naming the criterion that no variant satisfies, and the available values.
    """
    found = variants(family)
    billions = size_of(size)
    if format is not None:
        found = _keep(
            found, "model_format", format, lambda one: one.spec.format, lambda one: one.spec.format == format.lower()
        )
    if billions is not None:
        found = _keep(
            found, "model_size_in_billions", f"{billions:g}", lambda one: f"{one.size:g}" if one.size else "unknown",
            lambda one: one.size is not None and abs(one.size - billions) < 1e-9,
        )  # fmt: skip
    if quantization is not None:
        folded = quantization.lower()
        found = _keep(
            found, "quantization", quantization, lambda one: one.quantization,
            lambda one: one.quantization.lower() == folded,
        )  # fmt: skip
    return found


def _keep(
    found: list[Variant],
    param: str,
    wish: str,
    title: Callable[[Variant], str],
    test: Callable[[Variant], bool],
) -> list[Variant]:
    kept = [one for one in found if test(one)]
    if not kept:
        have = ", ".join(dict.fromkeys(title(one) for one in found))
        raise InvalidParameter(param, f"{found[0].family.name} has no '{wish}' here; it has {have}.")
    return kept
