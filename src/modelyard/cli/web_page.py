"""The server's web page: its addresses, and a browser that shows it."""

from __future__ import annotations

import os
import sys
import threading
import webbrowser
from urllib.parse import quote

from modelyard.cli.output import note


def page_address(url: str, model: str | None = None) -> str:
    """The address of a server's page; with a model, of the chat with it."""
    return f"{url}/ui/#/chat?model={quote(model, safe='')}" if model else f"{url}/ui/"


def open_page(address: str) -> None:
    """Show the page in this machine's browser, or say in one sentence why that is not possible.

    The browser starts in a thread, because some take seconds, while the server already answers it.
    """
    if not has_screen():
        note(f"No browser can be opened here; open {address} where there is one.")
        return
    threading.Thread(target=_open, args=(address,), daemon=True).start()


def has_screen() -> bool:
    """Whether a browser with a window could start; browsers of terminals would hide the server's output."""
    if sys.platform != "linux" or os.environ.get("BROWSER"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _open(address: str) -> None:
    try:
        opened = webbrowser.open(address)
    except (OSError, webbrowser.Error):
        opened = False
    if not opened:
        note(f"No browser could be opened; the page is at {address}")
