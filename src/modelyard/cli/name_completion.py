"""Completes names of models in a shell, from the server; silent where none answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from modelyard.cli.connection import connect
from modelyard.core.errors import ModelyardError

if TYPE_CHECKING:
    import click

    from modelyard.client import Client

SECONDS = 2.0
"""That a shell may wait for the server."""
ROWS = 100


def launched_models(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Uids, adapters and aliases of launched models that begin with the text."""
    return _completed(context, incomplete, lambda client: client.models.list())


def families(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Families of the catalog that begin with the text; for a path none, which leaves it to the shell."""
    if incomplete.startswith((".", "/", "~", "-")):
        return []

    def names(client: Client) -> Iterable[str]:
        page = client.catalog.list(None, incomplete or None, None, None, None, ROWS, None)
        return [entry["model_name"] for entry in page["data"]]

    return _completed(context, incomplete, names)


def _completed(context: click.Context, incomplete: str, names: Callable[[Client], Iterable[str]]) -> list[str]:
    try:
        with connect(context.params.get("endpoint"), context.params.get("api_key"), SECONDS) as client:
            return [name for name in names(client) if name.startswith(incomplete)]
    except ModelyardError:
        return []
