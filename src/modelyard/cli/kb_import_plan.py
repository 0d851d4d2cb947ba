"""The plan of `kb import-chatchat`: each base's name on this server, its new files, and its embedding model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from modelyard.cli.kb_add import AddOptions, UploadPlan, plan_update
from modelyard.cli.kb_documents import all_documents
from modelyard.cli.kb_folder import Files, Hashes
from modelyard.compat.chatchat.stored_data import ChatchatBase
from modelyard.core.errors import BadRequest, ModelyardError, ServerUnreachable

if TYPE_CHECKING:
    from modelyard.client import Client

LONGEST_NAME = 200
ROUTES = ("answer", "formats", "search")
"""Names that routes have in the position of a base's name."""


@dataclass(slots=True)
class BaseImport:
    """A base of Chatchat, and the base on this server that it is imported into."""

    source: ChatchatBase
    name: str
    """The name of the base on this server."""
    exists: bool = False
    model: str | None = None
    """The base's embedding model on this server."""
    remarks: list[str] = field(default_factory=list)
    """Remarks for people."""
    plan: UploadPlan = field(default_factory=UploadPlan)
    unread: list[str] = field(default_factory=list)
    """Files of unsupported formats."""
    failed: str = ""
    """Why the base cannot be imported at all; empty if it can."""
    jobs: list[str] = field(default_factory=list)

    def refused(self) -> dict[str, str]:
        """Files that were not imported → the reason."""
        return {**{name: "it cannot be read." for name in self.source.links}, **self.plan.refused}


@dataclass(frozen=True, slots=True)
class EmbeddingModels:
    """The embedding models that are running on the server."""

    uids: Mapping[str, str]
    """A name in lower case, from after its last slash → uid."""
    fallback: str | None
    """The model for bases whose own one is not running."""

    @classmethod
    def on_server(cls, client: Client, fallback: str | None) -> EmbeddingModels:
        """The server's running models. Raises `BadRequest` if `fallback` is not among them."""
        models = {uid: info for uid, info in client.models.list().items() if info["model_type"].lower() == "embedding"}
        if fallback and fallback not in models:
            running_models = f"those that run: {', '.join(models)}" if models else "none runs"
            raise BadRequest(f"No embedding model '{fallback}' is running; {running_models}.")
        uids = {_short(uid): uid for uid in models}
        for uid, info in models.items():
            uids.setdefault(_short(info["model_name"]), uid)
        return cls(uids, fallback or None)

    def of(self, base: ChatchatBase) -> tuple[str | None, str]:
        """The model for a base, and a remark about it, which may be empty."""
        if base.model and (uid := self.uids.get(_short(base.model))):
            return uid, ""
        own = f"its embedding model {base.model} is not running" if base.model else "its embedding model is unknown"
        if self.fallback:
            return self.fallback, f"{own}; it gets {self.fallback}."
        return None, f"{own}, so search uses words only; launch one before, or give --embedding-model UID."


def plan_imports(
    client: Client, bases: Sequence[ChatchatBase], models: EmbeddingModels, hashes: Hashes
) -> list[BaseImport]:
    """Plan the import of each base. Changes nothing."""
    here = {str(base["name"]): base["embedding_model"] for base in client.knowledge.list()}
    formats = client.knowledge.formats()
    found: list[BaseImport] = []
    for base in bases:
        base_import = BaseImport(base, allowed_name(base.name))
        if base_import.name != base.name:
            base_import.remarks.append(f"it is called '{base_import.name}' here.")
        if any(each.name == base_import.name for each in found):
            base_import.failed = f"another base is called '{base_import.name}' here, too; rename its folder."
        found.append(base_import)
        _choose_model(base_import, models, here)
        try:
            _compare(client, base_import, formats, hashes)
        except ServerUnreachable:
            raise
        except ModelyardError as error:
            base_import.failed = base_import.failed or error.message
    return found


def _choose_model(base_import: BaseImport, models: EmbeddingModels, here: Mapping[str, str | None]) -> None:
    suggestion, remark = models.of(base_import.source)
    if base_import.name not in here:
        base_import.model = suggestion
        base_import.remarks += [remark] if remark else []
        return
    base_import.exists, base_import.model = True, here[base_import.name]
    if base_import.model is None and suggestion is not None:
        base_import.remarks.append(
            "it exists already, and search uses words only; "
            f"`modelyard kb reindex {base_import.name} --embedding-model {suggestion}` changes that."
        )


def _compare(client: Client, base_import: BaseImport, formats: Mapping[str, str], hashes: Hashes) -> None:
    files = Files()
    for name, path in base_import.source.files.items():
        if path.suffix.lower().lstrip(".") in formats:
            files.paths[name] = path
        else:
            base_import.unread.append(name)
    present = {each["name"]: each for each in all_documents(client, base_import.name)} if base_import.exists else {}
    options = AddOptions(base_import.name, (), (), (), {}, delete=False, wait=True, as_json=False)
    base_import.plan = plan_update(files, present, hashes, options)


def allowed_name(name: str) -> str:
    """The name with `_` in place of characters that are not allowed in a base's name."""
    found = "".join("_" if char == "/" or not char.isprintable() else char for char in name).strip()[:LONGEST_NAME]
    return f"{found}_" if found in (*ROUTES, ".", "..", "") else found


def _short(name: str) -> str:
    return name.replace("\\", "/").rstrip("/").rpartition("/")[2].lower()
