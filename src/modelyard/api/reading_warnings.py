"""Warnings that an embedding model does not read a language of a knowledge base, with models that do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from modelyard.db.tables import KnowledgeBase
from modelyard.knowledge.indexing.probes import ScriptProbe, probe_of
from modelyard.knowledge.indexing.scripts import LANGUAGES, Script

READS_LITTLE: Final = 0.5
"""Share of the reading test below which a model does not read a language well."""
BETTER: Final = ("bge-m3", "Qwen3-Embedding-0.6B")
"""Embedding models of the catalog that read many languages."""
TAGS: Final[Mapping[str, Script]] = {
    "zh": Script.HAN,
    "ja": Script.KANA,
    "ko": Script.HANGUL,
    "ru": Script.CYRILLIC,
    "ar": Script.ARABIC,
}
"""First part of a BCP 47 tag → its script; all others are taken for Latin."""


def reading_warnings(base: KnowledgeBase) -> list[str]:
    """A sentence for each language of a base that its embedding model does not read well."""
    if (probe := probe_of(base)) is None:
        return []
    named = TAGS.get(base.language.lower().split("-")[0], Script.LATIN) if base.language else None
    found = []
    for script, each in probe.scripts.items():
        concerned = each.sentences or (probe.chunks == 0 and named in (None, script))
        if concerned and _reads_little(each):
            found.append(_sentence(probe.model, script, each))
    return found


def _reads_little(probe: ScriptProbe) -> bool:
    if probe.by_vectors is not None and probe.by_words is not None:
        return probe.by_vectors < probe.by_words
    return probe.reads is not None and probe.reads < READS_LITTLE


def _sentence(model: str, script: Script, probe: ScriptProbe) -> str:
    if probe.by_vectors is not None and probe.by_words is not None:
        reason = f"of {probe.sentences} sentences of this base, it found {probe.by_vectors:.0%} and words {probe.by_words:.0%}"
    else:
        reason = f"it passed {probe.reads or 0:.0%} of a reading test"
    effect = f"count {probe.weight:g} as much as words" if probe.weight else "are left out"
    better = " or ".join(name for name in BETTER if name != model)
    return (
        f"'{model}' does not read {LANGUAGES[script]} well: {reason}. In hybrid searches in it, vectors {effect}. "
        f"A model that reads it: {better} (modelyard launch, then modelyard kb reindex --embedding-model)."
    )
