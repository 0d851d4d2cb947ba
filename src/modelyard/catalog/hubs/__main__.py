"""The child process that talks to hubs: `inspect` describes the model in a repository, `search` finds repositories, `fetch`
downloads files.

Run as `python -m modelyard.catalog.hubs inspect|search|fetch`, with the query or the download as JSON on standard input or in a
file. Results and errors are lines of JSON on standard output; after an error the exit code is 1.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from modelyard.catalog.files import TEXT, describe_header, unread
from modelyard.catalog.gguf import read_header
from modelyard.catalog.hf_folder import DESCRIBING, read_folder
from modelyard.catalog.hubs import remote
from modelyard.catalog.hubs.base import RemoteHub, RepositoryListing
from modelyard.catalog.hubs.complete import UNFINISHED
from modelyard.catalog.hubs.queries import RepositoryQuery
from modelyard.catalog.hubs.search_results import FoundPage, SearchQuery
from modelyard.catalog.hubs.select import by_names, choose_folder, choose_gguf, choose_projector, ggufs, in_order
from modelyard.catalog.projectors import with_projector
from modelyard.core.errors import MissingLibrary, ModelFilesInvalid, ModelyardError
from modelyard.core.types import Download, Model, ModelType, RemoteFile

HEADER_SIZES = (1 << 20, 1 << 23, 1 << 26, 1 << 28)
"""Bytes of a GGUF file that are read, one size after the other, until the header is complete: vocabularies vary in size."""


def inspect(query: RepositoryQuery) -> Model:
    """Describe the model in a repository, from the hub's metadata and a few small files."""
    hub = remote(query.hub)
    listing = hub.listing(query.model_id, query.revision)
    folder = hub.folder(query.model_id, listing.revision)
    files = _choose(query, listing)
    gguf = files[0].name.endswith(".gguf")
    projector = choose_projector(query.model_id, listing.files, query.projector) if gguf else None
    needed = [*files, projector] if projector else files
    download = Download(query.hub, query.model_id, listing.revision, tuple(in_order(needed)), str(folder))
    if gguf:
        model = with_projector(
            _gguf(hub, query, listing, files, folder), folder / projector.name if projector else None
        )
    else:
        model = _folder(hub, download, query.type)
    return replace(
        model,
        name=query.model_id,
        download=download,
        hub=query.hub,
        model_id=query.model_id,
        revision=listing.revision,
    )


def _choose(query: RepositoryQuery, listing: RepositoryListing) -> list[RemoteFile]:
    if query.names:
        return by_names(query.model_id, listing.files, query.names)
    whole = any(PurePosixPath(file.name).name in ("config.json", "model_index.json") for file in listing.files)
    wants_gguf = query.format == "ggufv2" or (query.format is None and ggufs(listing.files))
    if wants_gguf or (not whole and ggufs(listing.files)):
        return choose_gguf(query.model_id, listing.files, query.quantization)
    return choose_folder(query.model_id, listing.files)


def _gguf(
    hub: RemoteHub, query: RepositoryQuery, listing: RepositoryListing, files: list[RemoteFile], folder: Path
) -> Model:
    """Read only the header; of a split model the header of every part, because each lists its own tensors."""
    with tempfile.TemporaryDirectory() as place:
        for number, file in enumerate(files):
            _header(hub, query.model_id, listing.revision, file, Path(place) / str(number))
        sizes = [file.size for file in files]
        model = describe_header([Path(place) / str(number) for number in range(len(files))], sizes)
    return replace(model, path=str(folder / files[0].name))


def _header(hub: RemoteHub, model_id: str, revision: str, file: RemoteFile, path: Path) -> None:
    for count in HEADER_SIZES:
        path.write_bytes(hub.head(model_id, revision, file.name, min(count, file.size or count)))
        try:
            read_header(path, file.size or 1 << 62)
            return
        except ModelFilesInvalid:
            if path.stat().st_size < count:
                raise
    raise ModelFilesInvalid(file.name, f"its header is larger than {HEADER_SIZES[-1]} bytes.")


def _folder(hub: RemoteHub, download: Download, type: ModelType | None) -> Model:
    for file in download.files:
        if file.name in DESCRIBING:
            hub.fetch(download, file)
    sizes = {file.name: file.size for file in download.files}
    try:
        model = read_folder(Path(download.folder), sizes)
    except ModelFilesInvalid:
        if type is None or type in TEXT:
            raise
        return unread(Path(download.folder), type, download.size)
    return model if type is None or (type in TEXT and model.type in TEXT) else replace(model, type=type)


def fetch(download: Download) -> int:
    """Download every file that is missing, weights last; returns the number of files."""
    hub = remote(download.hub)
    mark = Path(download.folder) / UNFINISHED
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.touch()
    for file in download.files:
        _say(fetching=file.name, size=file.size)
        hub.fetch(download, file)
    mark.unlink(missing_ok=True)
    return len(download.files)


def search(query: SearchQuery) -> FoundPage:
    """Search a hub."""
    return remote(query.hub).search(query)


def _say(**line: Any) -> None:
    print(msgspec.json.encode(line).decode(), flush=True)


def main(arguments: list[str]) -> int:
    """Run the command line; returns the exit code."""
    action = arguments[0] if arguments else ""
    actions: dict[str, Callable[[bytes], dict[str, Any]]] = {
        "inspect": lambda message: {"model": inspect(msgspec.json.decode(message, type=RepositoryQuery))},
        "search": lambda message: {"found": search(msgspec.json.decode(message, type=SearchQuery))},
        "fetch": lambda message: {"fetched": fetch(msgspec.json.decode(message, type=Download))},
    }
    if action not in actions:
        print(__doc__, file=sys.stderr)
        return 2
    if len(arguments) > 2:
        os.umask(int(arguments[2], 8))  # hub caches are outside the home folder, and may be shared with other users
    message = Path(arguments[1]).read_bytes() if len(arguments) > 1 else sys.stdin.buffer.read()
    try:
        _say(**actions[action](message))
    except ModelyardError as error:
        _say(error={"code": error.code, "message": error.message, "param": error.param})
        return 1
    except ModuleNotFoundError as error:
        absent = MissingLibrary("hubs", error.name or "?")
        _say(error={"code": absent.code, "message": absent.message, "param": None})
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
