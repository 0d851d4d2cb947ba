"""Pictures of every page: `python -m tools.screenshots FOLDER [PAGE…]`.

Each page is shown in English and Chinese, light and dark, at the width of a desk and of a telephone, by a server of its own that
is full of models, documents and chats. One looks at them to judge the page, and chooses from them for `docs/`.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from playwright.sync_api import Page
from tests.chromium import chromium
from tests.live import live
from tests.ui.screen import NARROW, WIDE, show

from tools.page_contents import fill

PLACES = {
    "chat": "#/chat/{chat}",
    "chat-zh": "#/chat/{chinese}",
    "chat-new": "#/chat",
    "compare": "#/compare",
    "models": "#/models",
    "catalog": "#/models/catalog",
    "launch": "#/models/launch?name=modelyard-demo",
    "model": "#/models/internvl3-8b/overview",
    "model-failed": "#/models/glm-4-9b-chat/overview",
    "try": "#/models/qwen3-4b-instruct/try",
    "register": "#/models/register",
    "cache": "#/models/cache",
    "bases": "#/knowledge",
    "base": "#/knowledge/pumps",
    "base-empty": "#/knowledge/empty",
    "document": "#/knowledge/pumps/documents/{document}",
    "search": "#/knowledge/pumps/search?q=How+many+litres+per+minute",
    "evaluation": "#/knowledge/pumps/evaluation",
    "base-settings": "#/knowledge/pumps/settings",
    "jobs": "#/jobs",
    "job": "#/jobs/{job}",
    "operations": "#/operations",
    "requests": "#/operations/requests",
    "logs": "#/operations/logs",
    "events": "#/operations/events",
    "keys": "#/access/keys",
    "users": "#/access/users",
    "usage": "#/access/usage",
    "sessions": "#/access/sessions",
    "audit": "#/access/audit",
    "settings": "#/settings",
}
"""Places of the page by the name of their pictures."""
SIZES = {"1440": WIDE, "360": NARROW}


THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


Look = tuple[str, Literal["light", "dark"], str]
"""Language, theme and size of a picture."""
LOOKS: tuple[Look, ...] = tuple(itertools.product(("en", "zh"), THEMES, SIZES))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("pages", nargs="*", metavar="PAGE", help=", ".join(PLACES))
    options = parser.parse_args()
    take(options.folder, {look: options.pages or list(PLACES) for look in LOOKS})


def take(folder: Path, names: Mapping[Look, Sequence[str]]) -> None:
    """Write `NAME-LANGUAGE-THEME-SIZE.png` for each place and look."""
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as home,
        live(Path(home) / "home", {"MODELYARD_AUTH": "off"}, ("--demo-base",)) as server,
        chromium() as browser,
    ):
        known = fill(server.http)
        for (language, theme, size), places in names.items():
            locale = {"en": "en-US", "zh": "zh-CN"}[language]
            context = browser.new_context(locale=locale, color_scheme=theme, reduced_motion="reduce")
            page = context.new_page()
            for name in places:
                show(page, server, PLACES[name].format(**known), size=SIZES[size])
                settle(page)
                page.screenshot(path=folder / f"{name}-{language}-{theme}-{size}.png")
                print(f"{name} {language} {theme} {size}", flush=True)
            context.close()


STILL = """() => {
    const now = [...document.images].every((image) => image.complete) ? document.body.innerHTML : "";
    const same = now !== "" && now === window.lastLook;
    window.lastLook = now;
    return same;
}"""


def settle(page: Page) -> None:
    """Wait until nothing has changed between two looks."""
    page.wait_for_function(STILL, polling=500)


if __name__ == "__main__":
    main()
