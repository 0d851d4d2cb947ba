# Owns the model card: the template with the measured figures and the sizes of the shipped files filled in.
from __future__ import annotations

import argparse
import json
from pathlib import Path

from tools.demo_model.evaluate import SHIPPED, Figure, markdown
from tools.demo_model.names import DATA

CARD = "MODEL_CARD.md"


def card(template: str, folder: Path, rows: list[Figure]) -> str:
    """`template` with {figures} and {files} filled in."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != CARD]
    lines = [f"| `{path.relative_to(folder)}` | {path.stat().st_size:,} |" for path in files]
    total = sum(path.stat().st_size for path in files)
    sizes = "\n".join(["| File | Bytes |", "|---|---:|", *lines, f"| all | {total:,} |"])
    return template.replace("{figures}", markdown(rows)).replace("{files}", sizes)


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the model card from the figures of tools.demo_model.evaluate.")
    parser.add_argument("--figures", type=Path, required=True, help="what evaluate --json wrote")
    parser.add_argument("--folder", type=Path, default=SHIPPED.parent, help="export folder (default: the shipped one)")
    args = parser.parse_args()
    rows = [Figure(**row) for row in json.loads(args.figures.read_text(encoding="utf-8"))["figures"]]
    template = (DATA / "card.md").read_text(encoding="utf-8")
    (args.folder / CARD).write_text(card(template, args.folder, rows), encoding="utf-8")


if __name__ == "__main__":
    main()
