"""The table of engines and features, from a real run: `python -m tests.conformance.table` writes `docs/features.md`.

The page in Chinese is translated by hand; `tests/architecture/test_docs.py` compares its rows and cells with this one.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Mapping, MutableMapping
from pathlib import Path

from modelyard.engines.names import title_of
from tests.conformance import probes
from tests.conformance.feature import Feature, Outcome
from tests.conformance.models import KINDS

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "features.md"
RENEW = "python -m tests.conformance.table"

Outcomes = MutableMapping[tuple[str, str], Outcome]
"""By the feature's id and the engine's name."""

HEAD = f"""# What each engine does

[简体中文](zh/features.md)

Every cell comes from a run against the real engine, through the gateway, by the official `openai` client (`{RENEW}` renews this
page). **yes**: a test holds it. **400**: the engine cannot do it, and a request that asks for it is refused with an error that
names the parameter and the engine; the reasons stand below.

What the other APIs do with each of their fields, on every engine alike, stands in [reference/dialects.md](reference/dialects.md):
`/v1/responses` with its items and tools, `/v1/messages`, and Ollama's `/api/`.
"""


def kind(feature: Feature) -> str:
    """Which kind of model a feature is asked of."""
    kinds = {"Embeddings": "embedding", "Rerank": "rerank", "Classifiers": "classifier"}
    return kinds.get(feature.room, "chat")


def engines(feature: Feature) -> list[str]:
    """The columns: all but the fake engine, which pretends."""
    return [name for name in KINDS[kind(feature)] if name != "fake"]


def written(outcomes: Mapping[tuple[str, str], Outcome]) -> str:
    """The page."""
    lines = [HEAD]
    reasons: dict[str, dict[str, None]] = {}
    for room, group in itertools.groupby(probes.FEATURES, lambda each: each.room):
        features = list(group)
        names = engines(features[0])
        lines += [f"## {room}", "", "| | " + " | ".join(map(title_of, names)) + " |", "|---" * (len(names) + 1) + "|"]
        for feature in features:
            cells = []
            for name in names:
                each = outcomes[feature.id, name]
                cells.append("yes" if each.works else "400")
                if not each.works:
                    reasons.setdefault(name, {})[f"- `{each.param}`: {each.reason}"] = None
            lines.append(f"| {feature.name} | " + " | ".join(cells) + " |")
        lines.append("")
    lines += ["## What is refused, and why", ""]
    for name, sentences in reasons.items():
        lines += [f"**{title_of(name)}**", "", *sentences, ""]
    return "\n".join(lines).rstrip() + "\n"


def write(path: Path, outcomes: Mapping[tuple[str, str], Outcome]) -> None:
    """Write the page. Raises `KeyError` when a probe has not run or has failed."""
    path.write_text(written(outcomes), encoding="utf-8")


def main() -> int:
    file = Path(__file__).with_name("test_features.py")
    return subprocess.run([sys.executable, "-m", "pytest", "-q", str(file), f"--feature-table={DOCUMENT}"]).returncode


if __name__ == "__main__":
    sys.exit(main())
