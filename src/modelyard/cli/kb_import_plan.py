"""What `kb import-chatchat` would do: which base becomes which, what is new in it, and which embedding model it gets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from modelyard.cli.kb_add import Plan, Wanted
from modelyard.cli.kb_add import planned as planned_files
from modelyard.cli.kb_chatchat import SourceBase
from modelyard.cli.kb_documents import all_documents
from modelyard.cli.kb_folder import Files, Hashes
from modelyard.core.errors import BadRequest, ModelyardError, ServerUnreachable

if TYPE_CHECKING:
    from modelyard.client import Client

LONGEST_NAME = 200
ROUTES = ("answer", "formats", "search")
"""Names that stand in addresses where a base's name stands."""


@dataclass(slots=True)
class Coming:
    """A base on its way."""

    source: SourceBase
    name: str
    """Here."""
    exists: bool = False
    model: str | None = None
    """Embedding model here."""
    remarks: list[str] = field(default_factory=list)
    """For people."""
    plan: Plan = field(default_factory=Plan)
    unread: list[str] = field(default_factory=list)
    """Files of formats that are not read here."""
    failed: str = ""
    """Why nothing of it comes."""
    jobs: list[str] = field(default_factory=list)

    def refused(self) -> dict[str, str]:
        """Files that did not come, and why."""
        return {**{name: "it cannot be read." for name in self.source.links}, **self.plan.refused}


@dataclass(frozen=True, slots=True)
class Models:
    """Embedding models that run."""

    uids: Mapping[str, str]
    """A name in lower case, without what stands before its last slash → uid."""
    otherwise: str | None
    """For bases whose own does not run."""

    @classmethod
    def running(cls, client: Client, otherwise: str | None) -> Models:
        """Those of the server. Raises `BadRequest` if `otherwise` is none of them."""
        models = {uid: info for uid, info in client.models.list().items() if info["model_type"].lower() == "embedding"}
        if otherwise and otherwise not in models:
            told = f"those that run: {', '.join(models)}" if models else "none runs"
            raise BadRequest(f"No embedding model '{otherwise}' is running; {told}.")
        uids = {_short(uid): uid for uid in models}
        for uid, info in models.items():
            uids.setdefault(_short(info["model_name"]), uid)
        return cls(uids, otherwise or None)

    def of(self, base: SourceBase) -> tuple[str | None, str]:
        """The model that a base gets, and what is to be said about it."""
        if base.model and (uid := self.uids.get(_short(base.model))):
            return uid, ""
        own = (
            f"its embedding model {base.model} does not run here" if base.model else "its embedding model is not known"
        )
        if self.otherwise:
            return self.otherwise, f"{own}; it gets {self.otherwise}."
        return None, f"{own}, so it is searched by words alone; launch one before, or give --embedding-model UID."


def planned(client: Client, bases: Sequence[SourceBase], models: Models, hashes: Hashes) -> list[Coming]:
    """What is to be done with each base. Nothing is changed."""
    here = {str(base["name"]): base["embedding_model"] for base in client.knowledge.list()}
    formats = client.knowledge.formats()
    found: list[Coming] = []
    for base in bases:
        coming = Coming(base, allowed(base.name))
        if coming.name != base.name:
            coming.remarks.append(f"it is called '{coming.name}' here.")
        if any(each.name == coming.name for each in found):
            coming.failed = f"another base is called '{coming.name}' here, too; rename its folder."
        found.append(coming)
        _choose_model(coming, models, here)
        try:
            _compare(client, coming, formats, hashes)
        except ServerUnreachable:
            raise
        except ModelyardError as error:
            coming.failed = coming.failed or error.message
    return found


def _choose_model(coming: Coming, models: Models, here: Mapping[str, str | None]) -> None:
    wanted, remark = models.of(coming.source)
    if coming.name not in here:
        coming.model = wanted
        coming.remarks += [remark] if remark else []
        return
    coming.exists, coming.model = True, here[coming.name]
    if coming.model is None and wanted is not None:
        coming.remarks.append(
            "it is here already, and searched by words alone; "
            f"`modelyard kb reindex {coming.name} --embedding-model {wanted}` changes that."
        )


def _compare(client: Client, coming: Coming, formats: Mapping[str, str], hashes: Hashes) -> None:
    files = Files()
    for name, path in coming.source.files.items():
        if path.suffix.lower().lstrip(".") in formats:
            files.paths[name] = path
        else:
            coming.unread.append(name)
    there = {each["name"]: each for each in all_documents(client, coming.name)} if coming.exists else {}
    wanted = Wanted(coming.name, (), (), (), {}, delete=False, wait=True, as_json=False)
    coming.plan = planned_files(files, there, hashes, wanted)


def allowed(name: str) -> str:
    """A name that a base can have here: the same one, but for what cannot stand in an address or in one line."""
    found = "".join("_" if char == "/" or not char.isprintable() else char for char in name).strip()[:LONGEST_NAME]
    return f"{found}_" if found in (*ROUTES, ".", "..", "") else found


def _short(name: str) -> str:
    return name.replace("\\", "/").rstrip("/").rpartition("/")[2].lower()
