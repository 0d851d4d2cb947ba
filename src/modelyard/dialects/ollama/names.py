"""Ollama's names of models, `NAME:TAG`, as names of models of this server. Pure.

A tag names a size, a quantisation, or both: `qwen2.5:0.5b-instruct-q4_K_M`. `latest` is any.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass

LATEST = "latest"
SIZE = re.compile(r"(?:e)?(\d+(?:\.\d+)?)([bm])")
SUFFIX = re.compile(r"(?:-(?:instruct|chat|it|hf))+$")


@dataclass(frozen=True, slots=True)
class ModelLabel:
    """What a model is, apart from the name under which it answers."""

    name: str
    """The name under which it answers; of a family that does not run, its own."""
    family: str
    size: float | None = None
    """Billions of parameters."""
    quantization: str | None = None


def resolved(name: str, labels: Iterable[ModelLabel]) -> str | None:
    """The name of the first model that a name means, if it is none itself; None if there is none."""
    base, tag = split(name)
    labels = list(labels)
    for label in labels:
        if label.name in (name, base) and (tag == LATEST or label.name == name or fits(tag, label)):
            return label.name
    for label in labels:
        if is_family(base, label.family) and fits(tag, label):
            return label.name
    return None


def split(name: str) -> tuple[str, str]:
    """A name without registry and namespace, and its tag."""
    base, _, tag = name.partition(":")
    return base.rpartition("/")[2] if base.startswith(("library/", "registry.ollama.ai/")) else base, tag or LATEST


def registered_name(name: str) -> str:
    """The name under which a family is registered that is made as `name`, whose tag is a part of it."""
    base, tag = split(name)
    return (base if tag == LATEST else f"{base}-{tag}").replace("/", "-").replace(":", "-")


def plain(name: str) -> str:
    """A name by its letters, digits and points only, because systems divide names differently."""
    return re.sub(r"[^a-z0-9.]", "", name.lower())


def is_family(base: str, family: str) -> bool:
    """Whether a name without its tag means a family, whose suffix such as `-instruct` may be left out."""
    return plain(base) in (plain(family), plain(SUFFIX.sub("", family.lower())))


def fits(tag: str, label: ModelLabel) -> bool:
    """Whether a model has the size and the quantisation that a tag names."""
    rest = tag.lower()
    if (size := size_in(rest)) is not None and label.size is not None and abs(size - label.size) > 0.051 * label.size:
        return False
    named = quantization_in(rest)
    return named is None or label.quantization is None or plain(named) in plain(label.quantization)


def size_in(tag: str) -> float | None:
    """The billions of parameters that a tag names; None if it names none."""
    for word in tag.lower().split("-"):
        if found := SIZE.fullmatch(word):
            return float(found[1]) / (1000 if found[2] == "m" else 1)
    return None


QUANTIZATION = re.compile(r"q\d\w*|i?q\d_\w+|fp?16|bf16|f32", re.IGNORECASE)


def quantization_in(tag: str) -> str | None:
    """The quantisation that a tag names; None if it names none."""
    return next((word for word in tag.split("-") if QUANTIZATION.fullmatch(word)), None)


def family_of(base: str, families: Iterable[str]) -> str | None:
    """The family of the catalog that a name without its tag means: one that chats, as Ollama's own models do."""
    alike = [each for each in families if is_family(base, each)]
    return min(alike, key=lambda each: not SUFFIX.search(each.lower()), default=None)


def launch_command(name: str, families: Iterable[str]) -> str | None:
    """The command that launches the family that a name means; None if there is none."""
    base, tag = split(name)
    families = list(families)
    if (own := registered_name(name)) in families and tag != LATEST:
        return f"modelyard launch {shlex.quote(own)}"
    if (family := family_of(base, families)) is None:
        return None
    size = size_in(tag)
    return f"modelyard launch {shlex.quote(family)}" + (f" --size-in-billions {size:g}" if size else "")
