"""Make the pictures of the docs anew: `python -m tools.pictures`. They show the page as it is, from a server of its own.

Those of the story in `docs/page.md` are taken by the walk that a test takes (`tests/ui/test_walk.py`), the others by
`tools/screenshots.py`. They are WebP, and together have less than 1 MB, which a test holds.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from tools.screenshots import Look, take

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "pictures"
WALK = ("launch", "chat-zh", "base", "citation", "chunk", "compare", "operations", "key")
"""Steps of the walk."""
LOOKS: dict[Look, tuple[str, ...]] = {
    ("en", "light", "1440"): ("chat", "search"),
    ("zh", "dark", "1440"): ("catalog",),
    ("en", "dark", "360"): ("chat", "models"),
    ("zh", "light", "360"): ("bases",),
}
PHONES = ("chat-en-dark-360", "bases-zh-light-360", "models-en-dark-360")
"""Pictures of the width of a telephone, which become one."""


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        walk = [sys.executable, "-m", "pytest", "-q", "tests/ui/test_walk.py"]
        subprocess.run(walk, cwd=ROOT, check=True, env={**os.environ, "WALK_PICTURES": str(folder)})
        take(folder, LOOKS)
        for name in WALK:
            write(name, Image.open(folder / f"{name}.png"))
        for (language, theme, size), names in LOOKS.items():
            for name in names if size == "1440" else ():
                write(name, Image.open(folder / f"{name}-{language}-{theme}-{size}.png"))
        write("phone", beside([Image.open(folder / f"{name}.png") for name in PHONES]))


def write(name: str, picture: Image.Image) -> None:
    """One picture of the docs."""
    picture.convert("RGB").save(FOLDER / f"{name}.webp", quality=82, method=6)


def beside(pictures: list[Image.Image], gap: int = 24) -> Image.Image:
    """Pictures of one height beside each other."""
    width = sum(each.width for each in pictures) + gap * (len(pictures) - 1)
    joined = Image.new("RGB", (width, max(each.height for each in pictures)), (128, 128, 136))
    left = 0
    for each in pictures:
        joined.paste(each, (left, 0))
        left += each.width + gap
    return joined


if __name__ == "__main__":
    main()
