"""The records from which new models are made: of a model that runs, of a family, of a repository, or of uploaded files."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from modelyard.catalog.family import Family, ModelSource, Spec
from modelyard.catalog.family_record import record_of
from modelyard.catalog.hubs import HUBS
from modelyard.catalog.index import not_found
from modelyard.catalog.resolve import Variant, matching
from modelyard.control.drafts import draft, record_of_model
from modelyard.control.family_options import ADAPTERS, CONTEXT
from modelyard.core.access import Grant
from modelyard.core.errors import BadRequest, InvalidParameter
from modelyard.core.types import Launch, ModelType
from modelyard.dialects.ollama.blueprint import KEPT, SHARED
from modelyard.dialects.ollama.names import family_of, quantization_in, registered_name, size_in, split
from modelyard.protocol.registrations import DraftRequest
from modelyard.web.deps import Parts

Record = dict[str, Any]
HUB = "hf.co/"
"""The prefix by which Ollama names repositories of Hugging Face."""
ADVICE = " Give a family of the catalog, such as qwen2.5:0.5b, or a repository of a hub, hf.co/OWNER/NAME."
"""The end of an error about an unknown name."""


class Origins:
    """Finds the record that a name, or files, mean."""

    def __init__(self, parts: Parts, model_of: Callable[[str, Grant | None], str | None]) -> None:
        """`model_of` returns the running model that a name means; None if there is none."""
        self._parts = parts
        self._model_of = model_of

    def registered(self, name: str) -> Family | None:
        """The family that a user registered under a name, whose tag may be a part of it."""
        names = {name.lower(), registered_name(name).lower()}
        every = self._parts.catalog.registered()
        return next((family for family in every if family.name.lower() in names), None)

    async def named(self, name: str, grant: Grant | None) -> tuple[ModelType, Record]:
        """The type and the record of a name. Raises `NotFound`, or `BadRequest` for models that have no files here."""
        if (family := self.registered(name)) is not None:
            return family.type, _record(family, family.specs)
        if (launch := self._launch(name, grant)) is not None:
            return launch.model.type, _of_launch(launch)
        base, tag = split(name)
        if (known := family_of(base, self._parts.catalog.names())) is not None:
            return await asyncio.to_thread(self._of_family, known, tag)
        repository, _, quantization = name.removeprefix(HUB).partition(":")
        if "/" in repository:
            request = DraftRequest(source=repository, quantization=quantization or None)
            return await asyncio.to_thread(draft, request, self._parts.catalog, False)
        raise not_found(name, None, self._parts.catalog.names(), ADVICE)

    def running(self, name: str, grant: Grant | None) -> str | None:
        """The running model that a name means, of those that a key may use; None if there is none."""
        return self._model_of(name, grant)

    def _launch(self, name: str, grant: Grant | None) -> Launch | None:
        model = self._parts.gateway.aliases.model_of(self._model_of(name, grant) or name)
        views = [view.desired.launch for view in self._parts.deployments.views()]
        return next((launch for launch in views if launch.uid == model), None)

    def _of_family(self, name: str, tag: str) -> tuple[ModelType, Record]:
        """The record of a family of the catalog, with the size and the quantisation of a tag. Raises `InvalidParameter`."""
        family = self._parts.catalog.get(name)
        variants = matching(family, size=size_in(tag), quantization=quantization_in(tag))
        return family.type, _record(family, _specs(variants))


async def of_files(folder: Path, files: Mapping[str, str], parts: Parts) -> tuple[ModelType, Record]:
    """The type and the record of uploaded files in a folder. Raises `InvalidParameter` and `ModelFilesInvalid`."""
    weights = [name for name in files if name.lower().endswith(".gguf")]
    main = [name for name in weights if "mmproj" not in name.lower()]
    if weights and not main:
        raise InvalidParameter("files", "they have a projector and no model.")
    if not weights and not any(name.endswith(".safetensors") for name in files):
        raise InvalidParameter("files", "a model is one .gguf file, or the files of a folder with .safetensors.")
    source = folder / sorted(main)[0] if main else folder
    request = DraftRequest(source=str(source), model_name="uploaded")
    return await asyncio.to_thread(draft, request, parts.catalog, True)


def _of_launch(launch: Launch) -> Record:
    """The record of a model that runs, which then answers for the new one, too."""
    model = launch.model
    if model.path is None and model.model_id is None:
        raise BadRequest(
            f"'{launch.uid}' has no files on this server, so no model can be made from it; give it an alias (`model_aliases`)."
        )
    found = record_of_model(model, launch.uid)
    defaults = model.defaults
    found |= {
        "chat_template": model.chat_template,
        "stop": list(model.stop) or None,
        "stop_token_ids": list(model.stop_token_ids) or None,
        "system_prompt": defaults.system if defaults else None,
        "messages": [dict(each) for each in defaults.messages] if defaults else None,
        "default_generate_config": dict(defaults.parameters) if defaults else None,
        "default_context_length": launch.options.get(CONTEXT) or None,
        "adapters": launch.options.get(ADAPTERS) if isinstance(launch.options.get(ADAPTERS), list) else None,
        SHARED: launch.uid,
    }
    return {field: value for field, value in found.items() if value}


def _specs(variants: list[Variant]) -> list[Spec]:
    """The specs of variants, each with its quantisations."""
    found: dict[int, list[Variant]] = {}
    for each in variants:
        found.setdefault(id(each.spec), []).append(each)
    return [
        msgspec.structs.replace(group[0].spec, quantizations=[each.quantization for each in group])
        for group in found.values()
    ]


def _record(family: Family, specs: list[Spec]) -> Record:
    """The record of a family with some of its specs."""
    kept = {field: value for field in KEPT if (value := (family.sent or {}).get(field))}
    return record_of(msgspec.structs.replace(family, specs=[_with_paths(spec) for spec in specs])) | kept


def _with_paths(spec: Spec) -> Spec:
    """A spec in which files that come with this package have their absolute paths."""
    source = spec.src.get("package")
    place = HUBS.get("package").locate(source, spec.quantizations[0]) if source else None
    if source is None or place is None:
        return spec
    local = ModelSource(path=str(place.resolve()), quantizations=source.quantizations, file=source.file)
    return msgspec.structs.replace(spec, src={"local": local})
