"""Families that users register: adds them to the catalog, and keeps the persistent ones in files."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import select

from modelyard.catalog.family import Family, ModelSource
from modelyard.catalog.family_record import record_of
from modelyard.catalog.hubs import HUBS, REMOTE
from modelyard.catalog.hubs.cache import cached, scan
from modelyard.catalog.hubs.complete import repository
from modelyard.catalog.index import Catalog
from modelyard.catalog.record import Cached, Record, record
from modelyard.catalog.registration import check_abilities, parse
from modelyard.control.registration_files import RegistrationFiles, Written, skipped
from modelyard.core.errors import (
    BadRequest,
    ModelyardError,
    NotFound,
    PermissionDenied,
    RegistrationExists,
    RegistrationInUse,
    RegistrationInvalid,
)
from modelyard.core.types import Launch, ModelType, Preset
from modelyard.db.session import Database
from modelyard.db.tables import Registration
from modelyard.engines.names import profile_of

log = logging.getLogger(__name__)


class Registrations:
    """Implements the registration routes. A lock serialises changes, of the files first and then of the catalog."""

    def __init__(
        self, database: Database, catalog: Catalog, launches: Callable[[], Sequence[Launch]], files: RegistrationFiles
    ) -> None:
        self._database = database
        self._catalog = catalog
        self._launches = launches
        self._files = files
        self._paths: dict[tuple[ModelType, str], Path] = {}
        """Type and lower-case name → the file of a persistent family."""
        self._turn = asyncio.Lock()
        self.on_change: Callable[[], None] = lambda: None
        """Called when the families have changed."""

    async def load(self) -> None:
        """Load the families of the files into the catalog, and move rows of earlier versions from the database into files."""
        await asyncio.to_thread(self._take, await asyncio.to_thread(self._files.read))
        await self._migrate()
        self.on_change()

    def presets(self) -> list[Preset]:
        """Registered families whose names are served by a running model."""
        families = self._catalog.registered(ModelType.LLM)
        return [Preset(each.name, each.runs_on, each.defaults) for each in families if each.runs_on]

    def _take(self, files: Sequence[Written]) -> None:
        """Register the families of files. A record may refer to the prompt of a family in a later file."""
        left, problems = list(files), dict[Path, ModelyardError]()
        while left:
            before, left = left, []
            for each in before:
                try:
                    self._keep(parse(each.type, each.record, self._catalog), each.path)
                except RegistrationExists as error:
                    skipped(each.path, error.message)
                except RegistrationInvalid as error:
                    left.append(each)
                    problems[each.path] = error
            if len(left) == len(before):
                break
        for each in left:
            skipped(each.path, problems[each.path].message)

    def _keep(self, family: Family, path: Path) -> None:
        self._catalog.register(family)
        self._paths[family.type, family.name.lower()] = path

    async def _migrate(self) -> None:
        """Write rows of earlier versions as files. A row is deleted once its file exists; an unreadable row is kept."""
        async with self._database.session() as session:
            rows = list(await session.scalars(select(Registration).order_by(Registration.created_at)))
        for row in rows:
            if row.persist and row.name not in (name for kind, name in self._paths if kind == row.type):
                try:
                    family = msgspec.convert(row.record, Family)
                    family = msgspec.structs.replace(family, sent=record_of(family))
                    self._catalog.check_new(family)
                    path = await asyncio.to_thread(self._files.write, family.type, family.name, family.sent or {})
                    self._keep(family, path)
                except (msgspec.ValidationError, ModelyardError) as error:
                    log.error("the registered model %s (%s) is left out: %s", row.name, row.type, error)
                    continue
            async with self._database.session() as session:
                await session.delete(await session.merge(row))

    async def read(self, type: ModelType, model: str | Mapping[str, Any]) -> Family:
        """Decode the family of a registration. Raises `RegistrationInvalid`."""
        family = await asyncio.to_thread(parse, type, model, self._catalog)
        check_abilities(family)
        return family

    async def check(self, type: ModelType, model: str | Mapping[str, Any], persist: bool, local: bool = True) -> Family:
        """The family that `register` would add. Raises the errors of `register`, except those of writing a file."""
        family = await self.read(type, model)
        if not local and (family.adapters or any(source.path for each in family.specs for source in each.src.values())):
            raise PermissionDenied(
                "Registering files of this machine takes the scope 'models:write', too; name a repository."
            )
        if persist:
            await asyncio.to_thread(check_paths, family)
        self._catalog.check_new(family)
        return family

    async def register(
        self, type: ModelType, model: str | Mapping[str, Any], persist: bool, local: bool = True
    ) -> Family:
        """Add a family. With `persist` it survives restarts, and its local files must exist.

        Raises `RegistrationInvalid`, `RegistrationExists` or, if its file cannot be written, `Unavailable`; without
        `local`, `PermissionDenied` for files of this machine.
        """
        family = await self.check(type, model, persist, local)
        async with self._turn:
            self._catalog.check_new(family)
            if not persist:
                self._catalog.register(family)
            else:
                path = await asyncio.to_thread(self._files.write, type, family.name, family.sent or {})
                self._keep(family, path)
        self.on_change()
        return family

    async def unregister(self, type: ModelType, name: str) -> None:
        """Remove a family. Raises `NotFound`, `RegistrationInUse`, or `BadRequest` for a built-in family."""
        async with self._turn:
            family = self._found(type, name)
            if self._catalog.built_in(family.name, type):
                raise BadRequest(f"'{family.name}' comes with Modelyard and cannot be unregistered.")
            if users := [launch.uid for launch in self._launches() if is_of(launch, family)]:
                raise RegistrationInUse(family.name, users)
            if path := self._paths.get((type, family.name.lower())):
                await asyncio.to_thread(self._files.remove, path)
                del self._paths[type, family.name.lower()]
            self._catalog.unregister(family.name, type)
        self.on_change()

    def _found(self, type: ModelType, name: str) -> Family:
        """The family of exactly this name, in any letter case; an alias, which suffices for a launch, does not here."""
        try:
            family = self._catalog.get(name, type)
        except NotFound:
            raise self._catalog.missing(name, type) from None
        if family.name.lower() != name.lower():
            raise self._catalog.missing(name, type)
        return family

    def summaries(self, type: ModelType) -> list[Record]:
        """Summaries of every family of a type, by name: built-in and registered ones."""
        return [
            {"model_name": family.name, "is_builtin": self._catalog.built_in(family.name, type)}
            for family in self._sorted(type)
        ]

    def records(self, type: ModelType, *, full: bool = False) -> list[Record]:
        """Full records of every family of a type. Reads the cache folders, so call it in a thread."""
        is_here = here()
        return [
            record(family, built_in=self._catalog.built_in(family.name, type), cached=is_here, full=full)
            for family in self._sorted(type)
        ]

    def record(self, type: ModelType, name: str, *, full: bool = True) -> Record:
        """The record of one family. Raises `NotFound`."""
        family = self._found(type, name)
        return record(family, built_in=self._catalog.built_in(family.name, type), cached=here(), full=full)

    def _sorted(self, type: ModelType) -> list[Family]:
        return sorted(self._catalog.families(type), key=lambda family: family.name.lower())


def is_of(launch: Launch, family: Family) -> bool:
    """Whether a launch runs a variant of a family."""
    model = launch.model
    same = model.name.lower() == family.name.lower() and model.type is family.type
    profile = profile_of(launch.engine)
    weightless = profile.weightless if profile else ""
    return same and (
        not weightless or model.format != weightless
    )  # a model without files has no family, even if a family has its name


def here() -> Cached:
    """A function that says whether files are on this machine; it lists the cached repositories once for many calls."""
    present = {model_id for _, model_id in scan()}

    def is_here(hub: str, source: ModelSource, quantization: str) -> bool:
        if source.path is not None:
            return HUBS.get(hub).locate(source, quantization) is not None
        model_id = repository(source, quantization) if hub in REMOTE and present else None
        return model_id is not None and model_id.lower() in present and cached(source, quantization, hub)

    return is_here


def check_paths(family: Family) -> None:
    """Raise `RegistrationInvalid` if local files that the family names do not exist."""
    for place, adapter in enumerate(family.adapters):
        if not _exists(Path(adapter)):
            raise RegistrationInvalid(f"adapters[{place}]: there is no file '{adapter}' on this machine.")
    for place, spec in enumerate(family.specs):
        for source in spec.src.values():
            for quantization in spec.quantizations_of(source) if source.path else []:
                path = Path((source.path or "").replace("{quantization}", quantization))
                if not _exists(path):
                    raise RegistrationInvalid(
                        f"model_specs[{place}].model_uri: there is no file or folder '{path}' on this machine."
                    )
                if source.file and path.is_dir() and HUBS.get("local").locate(source, quantization) is None:
                    name = source.file.replace("{quantization}", quantization)
                    raise RegistrationInvalid(
                        f"model_specs[{place}].model_file_name_template: there is no file '{name}' in '{path}'."
                    )


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # the name is too long, or the folder is not readable
        return False
